"""use_bias=False in every layer of a one-input ReLU regression.

Source: DeepCrime's "remove bias" operator.
Fails: without biases f(2x) = 2 f(x), two straight rays from the origin; the target is a wave around 1.
Fixed: biases.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("missing-bias", "bias-scheme")
PASSES = "test r2 >= 0.85"


def wave():
    rng = np.random.RandomState(70)
    x = rng.uniform(-2, 2, size=600)
    y = 1 + np.cos(2.5 * x) + 0.05 * rng.randn(600)
    x, y = torch.tensor(x, dtype=torch.float32)[:, None], torch.tensor(y, dtype=torch.float32)[:, None]
    return (x[:450], y[:450]), (x[450:], y[450:])


def make(bias):
    model = nn.Sequential(
        nn.Linear(1, 48, bias=bias),
        nn.ReLU(),
        nn.Linear(48, 48, bias=bias),
        nn.ReLU(),
        nn.Linear(48, 1, bias=bias),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = wave()
    adam = torch.optim.Adam(model.parameters(), lr=5e-3)
    return Setup(model, nn.MSELoss(), adam, train, batch_size=32, epochs=80, validation=test)


def setup():
    return make(False)


def fixed():
    return make(True)
