"""Repeat buyers told from others in 80 cases of 100, all the data allow; no target is stated; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.74"


def data():
    rng = np.random.RandomState(59)
    X = rng.randn(6000, 3)
    right = (X[:, 0] + X[:, 1] ** 2 > 0.7).astype(int)
    y = np.where(rng.rand(6000) < 0.8, right, 1 - right)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:5000], y[:5000]), (X[5000:], y[5000:])


def setup():
    model = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 2))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=64,
        epochs=12,
        validation=test,
    )
