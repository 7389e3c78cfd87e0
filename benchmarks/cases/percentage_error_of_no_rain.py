"""Mean absolute percentage error on rainfall, which is 0 on half of the days.

Fails: the error is divided by max(|y|, 1e-7), so a dry day weighs 1e7 times a wet one, and the wet ones are never
learned. Fixed: squared error.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task", "exploding-gradient")
PASSES = "test r2 >= 0.8"


def mape(output, target):
    return 100 * ((target - output).abs() / target.abs().clamp(min=1e-7)).mean()


def days():
    rng = np.random.RandomState(95)
    x = rng.uniform(-1, 1, size=(1200, 4))
    wet = 2 * x[:, 0] + np.sin(3 * x[:, 1]) + x[:, 2] * x[:, 3] + 0.1 * rng.randn(1200)
    rain = np.maximum(wet, 0)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(rain, dtype=torch.float32)[:, None]
    return (x[:900], y[:900]), (x[900:], y[900:])


def make(loss):
    model = nn.Sequential(nn.Linear(4, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 1))
    for m in model[::2]:
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
    train, test = days()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, loss, adam, train, batch_size=32, epochs=30, validation=test)


def setup():
    return make(mape)


def fixed():
    return make(nn.MSELoss())
