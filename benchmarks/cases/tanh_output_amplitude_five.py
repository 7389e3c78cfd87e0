"""A tanh on the output of a regression onto 5 sin(x).

Fails: the answers end at -1 and 1. Fixed: linear output.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("output-range", "unscaled-targets")
PASSES = "train r2 >= 0.9"


def data():
    x = np.random.RandomState(0).uniform(-3, 3, 500)
    X = torch.tensor(x[:, None], dtype=torch.float32)
    return X, 5 * X.sin()


def build(*output_activation):
    model = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1), *output_activation
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=50, epochs=100)


def setup():
    return build(nn.Tanh())


def fixed():
    return build()
