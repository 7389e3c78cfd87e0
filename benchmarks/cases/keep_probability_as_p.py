"""Dropout with the share to keep, .95, given as the share to remove, behind each hidden layer of 32 units.

Fails: one or two units are left in each layer. Fixed: nn.Dropout(0.05).
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("dropout-too-heavy",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def built(p):
    model = nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 10)
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def setup():
    return built(p=0.95)


def fixed():
    return built(p=0.05)
