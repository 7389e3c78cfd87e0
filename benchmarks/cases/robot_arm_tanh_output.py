"""Position of a two-link arm, within [-1, 1], from its angles by a network that ends in tanh; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.9"


def data():
    rng = np.random.RandomState(3)
    angle = rng.uniform(-np.pi, np.pi, (1500, 2))
    tip = 0.5 * np.stack([np.cos(angle[:, 0]) + np.cos(angle.sum(1)), np.sin(angle[:, 0]) + np.sin(angle.sum(1))], 1)
    X = np.concatenate([np.sin(angle), np.cos(angle)], 1)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(tip, dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


def setup():
    model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2), nn.Tanh())
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=64,
        epochs=40,
        validation=test,
    )
