"""Sixteen residual blocks without normalisation, the last layer of each and the head starting at zero; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(16).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.two.weight)
        nn.init.zeros_(self.two.bias)

    def forward(self, x):
        return x + self.two(torch.relu(self.one(x)))


def setup():
    head = nn.Linear(48, 10)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    model = nn.Sequential(nn.Linear(64, 48), *(Block(48) for _ in range(16)), head)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=64,
        epochs=12,
        validation=test,
    )
