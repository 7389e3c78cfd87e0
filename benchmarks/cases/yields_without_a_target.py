"""Standardised yields of fields, half of which is noise; no target is stated; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.42"


def data():
    rng = np.random.RandomState(56)
    X = rng.randn(5000, 7)
    clean = X[:, 0] + 0.6 * X[:, 1] + 0.8 * np.sin(2 * X[:, 2])
    y = clean + clean.std() * rng.randn(5000)
    y = (y - y.mean()) / y.std()
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:4000], y[:4000]), (X[4000:], y[4000:])


def setup():
    model = nn.Sequential(nn.Linear(7, 24), nn.Tanh(), nn.Linear(24, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.HuberLoss(),
        optimizer=torch.optim.RMSprop(model.parameters(), lr=3e-3),
        data=train,
        batch_size=64,
        epochs=25,
        validation=test,
    )
