"""Strength of concrete in MPa, 10 to 80, a wide ReLU net, absolute error, SGD .5 with momentum .9: it answers the mean.

Kind of public question (Stack Overflow: "neural network regression predicts the same value for all inputs").
Fails: the rate; every unit of the second ReLU layer dies early. Fixed: SGD .005.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("dying-relu", "lr-too-high", "constant-output")
PASSES = "train r2 >= 0.6"


def build(fix):
    r = np.random.RandomState(121)
    X = r.uniform(-1.7, 1.7, (500, 8))
    y = 38 + 9 * X[:, 0] - 6 * X[:, 3] + 7 * np.tanh(1.5 * X[:, 7]) + 3 * X[:, 1] * X[:, 2] + r.normal(0, 3, 500)
    model = nn.Sequential(nn.Linear(8, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 1))
    return Setup(
        model=model,
        loss_fn=nn.L1Loss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.005 if fix else 0.5, momentum=0.9),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]),
        batch_size=25,
        epochs=30,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
