"""A polynomial of degree 9 fitted by gradient descent on the standardised powers of x, which are nearly copies.

Fails: the bend of the curve lies along directions with a ten-thousandth of the curvature. Fixed: Legendre polynomials.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("duplicated-features",)
PASSES = "test r2 >= 0.8"


def data(columns):
    draw = np.random.RandomState(0)
    x = draw.uniform(0, 1, 900)
    y = np.sin(4 * np.pi * x) + 0.1 * draw.randn(900)
    X = columns(x)
    X = (X - X[:600].mean(0)) / X[:600].std(0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return {"data": (X[:600], y[:600]), "validation": (X[600:], y[600:])}


def powers(x):
    return np.stack([x**k for k in range(1, 10)], axis=1)


def legendre(x):
    return np.polynomial.legendre.legvander(2 * x - 1, 9)[:, 1:]


def setup():
    model = nn.Linear(9, 1)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.03),
        batch_size=50,
        epochs=60,
        **data(powers),
    )


def fixed():
    return replace(setup(), **data(legendre))
