"""Temperature, humidity and wind in their own units through a Softmax last layer.

Kind of public question (Stack Overflow: "multi-output regression keeps predicting the same numbers", softmax copied from
a classifier). Fails: two faults, outputs in 0..1 that add up to 1, and targets of tens.
Fixed: linear output, standardised targets.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = (
    "output-range",
    "unscaled-targets",
    "saturated-softmax",
    "loss-does-not-fit-the-task",
    "exclusive-output-for-non-exclusive-labels",
)
PASSES = "test r2 >= 0.87"


def data(scale):
    r = np.random.RandomState(41)
    X = r.normal(0, 1, (600, 6))
    mix = r.normal(0, 0.7, (6, 3))
    Y = np.tanh(X @ mix) * 2 + 0.5 * X[:, :3] + r.normal(0, 0.15, (600, 3))
    Y = (Y - Y.mean(0)) / Y.std(0)
    if not scale:
        Y = Y * [8, 14, 5] + [15, 62, 14]
    X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
    return (X[:450], Y[:450]), (X[450:], Y[450:])


def build(softmax, scale):
    train, test = data(scale)
    layers = [nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 3)]
    model = nn.Sequential(*layers, nn.Softmax(dim=1)) if softmax else nn.Sequential(*layers)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.RMSprop(model.parameters(), lr=2e-3),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )


def setup():
    return build(True, False)


def fixed():
    return build(False, True)
