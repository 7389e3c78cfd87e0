"""Eight-bit pixels divided by 255 in integer arithmetic: every pixel is 0.

Fails: all inputs are the same. Fixed: divide as floats.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("constant-features",)
PASSES = "test accuracy >= 0.9"


def data(divide):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    pixels = (X[order] * 254 / 16).astype(np.uint8)
    X, y = torch.tensor(divide(pixels, 255), dtype=torch.float32), torch.tensor(y[order])
    return {"data": (X[:1400], y[:1400]), "validation": (X[1400:], y[1400:])}


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        batch_size=32,
        epochs=20,
        **data(np.floor_divide),
    )


def fixed():
    return replace(setup(), **data(np.true_divide))
