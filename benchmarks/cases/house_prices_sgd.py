"""House prices of about 200 000 as targets of a squared error, SGD with lr .01.

Fails: the first gradient is of the size of the prices and the loss is NaN within a few steps.
Fixed: standardise the targets.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-targets", "lr-too-high", "exploding-gradient")
PASSES = "train r2 >= 0.8"


def data():
    draw = np.random.RandomState(0)
    X = draw.randn(1000, 8)
    value = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + np.tanh(X[:, 3]) - 0.5 * np.abs(X[:, 4])
    price = 200_000 + 60_000 * (value + 0.2 * draw.randn(1000))
    return torch.tensor(X, dtype=torch.float32), torch.tensor(price[:, None], dtype=torch.float32)


def setup():
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=data(),
        batch_size=32,
        epochs=60,
    )


def fixed():
    X, y = data()
    return replace(setup(), data=(X, (y - y.mean()) / y.std()))
