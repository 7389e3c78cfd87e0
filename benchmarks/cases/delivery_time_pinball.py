"""The 90 % quantile of delivery times, whose spread grows with distance, by the pinball loss; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 0.14"


def data():
    rng = np.random.RandomState(44)
    X = rng.rand(2400, 3)
    hours = 1 + 2 * X[:, 0] + X[:, 1] + rng.exponential(0.1 + 0.8 * X[:, 0])
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(hours[:, None], dtype=torch.float32)
    return (X[:1800], y[:1800]), (X[1800:], y[1800:])


def pinball(output, y, q=0.9):
    return torch.maximum(q * (y - output), (q - 1) * (y - output)).mean()


def setup():
    model = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=pinball,
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=50,
        epochs=20,
        validation=test,
    )
