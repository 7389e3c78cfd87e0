"""House prices in dollars as targets, and Adagrad at TF 2's default.

Source: SO regression programs of DeepFD / DeepLocalize with a target in the hundred thousands; optimizer "adagrad",
whose default lr is 0.001 since TF 2. Two faults: standardised prices alone reach r2 0.75 to 0.81; raw prices need an lr
above 0.5.
Fails: the answers stay near 0. Fixed: standardised prices and lr 0.05.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-targets", "lr-too-low", "too-few-steps")
PASSES = "test r2 >= 0.9"


def houses():
    rng = np.random.RandomState(50)
    x = rng.randn(1000, 6)
    price = 240_000 + 60_000 * x[:, 0] + 30_000 * x[:, 1] * (x[:, 2] > 0) + 25_000 * np.abs(x[:, 3]) - 20_000 * x[:, 4]
    price = price + 8_000 * rng.randn(1000)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(price, dtype=torch.float32)[:, None]


def make(lr, standardise):
    x, y = houses()
    if standardise:
        y = (y - y[:800].mean()) / y[:800].std()
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    for m in model[::2]:
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
    adagrad = torch.optim.Adagrad(model.parameters(), lr=lr, initial_accumulator_value=0.1, eps=1e-7)
    return Setup(
        model,
        nn.MSELoss(),
        adagrad,
        (x[:800], y[:800]),
        batch_size=32,
        epochs=30,
        validation=(x[800:], y[800:]),
    )


def setup():
    return make(0.001, False)


def fixed():
    return make(0.05, True)
