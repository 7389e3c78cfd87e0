"""Hidden units that are -1 or +1, with a straight-through gradient (a step function has none of its own); healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.87"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(79).permutation(len(X))
    X, y = torch.tensor(X[order] / 8 - 1, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


class Binary(nn.Module):
    def forward(self, x):
        soft = x.clamp(-1, 1)
        return soft + (torch.where(x >= 0, 1.0, -1.0) - soft).detach()


def setup():
    model = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), Binary(), nn.Linear(128, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=64,
        epochs=15,
        validation=test,
    )
