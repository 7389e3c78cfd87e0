"""A regression in which noise is 60 % of the variance: a loss of .6 is as good as it gets; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.25"


def data():
    draw = np.random.RandomState(0)
    X = draw.randn(3000, 5)
    signal = X[:, 0] + np.sin(2 * X[:, 1]) - 0.5 * X[:, 2]
    y = signal / signal.std() * 0.4**0.5 + 0.6**0.5 * draw.randn(3000)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:2000], y[:2000]), (X[2000:], y[2000:])


def setup():
    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=64,
        epochs=30,
        validation=test,
    )
