"""Pixels standardised by hand, three of which never change.

Source: a public question about a loss that is NaN from the first step: every column was
divided by its standard deviation, which is 0 for the pixels of the border. Fixed: only columns that vary are
divided.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("non-finite-data", "constant-features")
PASSES = "test accuracy >= 0.9"


def build(guarded):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(12).permutation(len(X))
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])
    std = X.std(0)
    if guarded:
        std[std == 0] = 1
    X = ((X - X.mean(0)) / std).view(-1, 1, 8, 8)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=(X[:1200], y[:1200]),
        batch_size=32,
        epochs=8,
        validation=(X[1200:], y[1200:]),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
