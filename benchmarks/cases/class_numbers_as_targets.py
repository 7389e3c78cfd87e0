"""Six kinds of tablet told by weight and colour, their numbers fitted by one linear output and squared error.

Fails: kind 3 is not between kinds 2 and 4. Fixed: six outputs and cross-entropy.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task",)
PASSES = "test accuracy >= 0.9"


def data():
    draw = np.random.RandomState(0)
    angle = 2 * np.pi * np.array([0, 3, 1, 4, 5, 2]) / 6
    kind = draw.randint(6, size=1200)
    X = 2 * np.stack([np.cos(angle[kind]), np.sin(angle[kind])], axis=1) + 0.45 * draw.randn(1200, 2)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(kind)


def setup():
    X, y = data()
    model = nn.Linear(2, 1)
    y = y[:, None].float()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.03),
        data=(X[:800], y[:800]),
        batch_size=32,
        epochs=30,
        validation=(X[800:], y[800:]),
    )


def fixed():
    X, y = data()
    model = nn.Linear(2, 6)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.03),
        data=(X[:800], y[:800]),
        batch_size=32,
        epochs=30,
        validation=(X[800:], y[800:]),
    )
