"""Temperatures about 290 K, with the head scaled and shifted to them by buffers; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.9"


def data():
    rng = np.random.RandomState(9)
    X = rng.rand(1500, 5)
    kelvin = 288 + 6 * np.sin(6 * X[:, 0]) + 5 * X[:, 1] ** 2 - 4 * X[:, 2] + 0.5 * rng.randn(1500)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(kelvin[:, None], dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


class Kelvin(nn.Module):
    def __init__(self, y):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
        self.register_buffer("mean", y.mean())
        self.register_buffer("std", y.std())

    def forward(self, x):
        return self.mean + self.std * self.body(2 * x - 1)


def setup():
    train, test = data()
    model = Kelvin(train[1])
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )
