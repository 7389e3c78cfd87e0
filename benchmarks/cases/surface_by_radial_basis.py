"""Gaussian bumps at fixed centres and a linear head, trained with Adadelta; most bumps are near 0 anywhere; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.9"


def data():
    rng = np.random.RandomState(94)
    X = rng.uniform(-2, 2, (1500, 2))
    y = np.sin(2 * X[:, :1]) * np.cos(1.5 * X[:, 1:]) + 0.05 * rng.randn(1500, 1)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


class RadialBasis(nn.Module):
    def __init__(self, width=0.4):
        super().__init__()
        grid = torch.linspace(-2, 2, 9)
        self.register_buffer("centres", torch.cartesian_prod(grid, grid))
        self.width, self.head = width, nn.Linear(81, 1)

    def forward(self, x):
        return self.head(torch.exp(-(torch.cdist(x, self.centres) ** 2) / (2 * self.width**2)))


def setup():
    model = RadialBasis()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adadelta(model.parameters(), lr=1.0),
        data=train,
        batch_size=50,
        epochs=30,
        validation=test,
    )
