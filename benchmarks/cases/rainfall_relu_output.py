"""Daily rain, never negative and often zero, from weather readings; the output goes through a ReLU; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.85"


def data():
    rng = np.random.RandomState(8)
    X = rng.randn(2000, 6)
    rain = np.maximum(0, X[:, 0] + 0.8 * X[:, 1] * X[:, 2] - 0.2) + 0.02 * np.abs(rng.randn(2000))
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(rain[:, None], dtype=torch.float32)
    return (X[:1600], y[:1600]), (X[1600:], y[1600:])


def setup():
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.ReLU())
    nn.init.constant_(model[4].bias, 0.5)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=64,
        epochs=40,
        validation=test,
    )
