"""A SiLU net learns a pendulum's change of angle and speed, two outputs, L1Loss and Adam; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.8"


def data():
    r = np.random.RandomState(210)
    angle, speed, push = r.uniform(-3.1, 3.1, 800), r.uniform(-4, 4, 800), r.uniform(-2, 2, 800)
    pull = -9.8 * np.sin(angle) - 0.3 * speed + push
    Y = np.column_stack([0.1 * speed + 0.005 * pull, 0.1 * pull]) + r.normal(0, 0.01, (800, 2))
    X = np.column_stack([angle, speed, push])
    X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
    return (X[:600], Y[:600]), (X[600:], Y[600:])


def setup():
    train, test = data()
    model = nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
    return Setup(
        model=model,
        loss_fn=nn.L1Loss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=24,
        epochs=30,
        validation=test,
    )
