"""Digits with the focal loss and label smoothing, maxout units and orthogonal weights; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(15).permutation(len(X))
    X, y = torch.tensor(X[order] / 8 - 1, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


class Maxout(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.head = nn.Linear(64, 40 * 3), nn.Linear(40, 10)
        for layer in (self.hidden, self.head):
            nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.head(self.hidden(x).unflatten(1, (40, 3)).amax(2))


def focal(logits, y, gamma=2.0, smooth=0.05):
    log_p = F.log_softmax(logits, dim=1)
    target = F.one_hot(y, 10) * (1 - smooth) + smooth / 10
    return -(target * (1 - log_p.exp()) ** gamma * log_p).sum(1).mean()


def setup():
    model = Maxout()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=focal,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        data=train,
        batch_size=50,
        epochs=15,
        validation=test,
    )
