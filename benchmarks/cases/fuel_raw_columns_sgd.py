"""Fuel consumption from raw columns of a car table (weight in pounds, displacement), plain SGD at .01.

Kind of public question (Keras regression tutorial, auto-mpg): "loss is nan from the first epoch".
Fails: columns of thousands, the first steps explode. Fixed: standardised columns, same optimizer and rate.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "lr-too-high", "exploding-gradient", "exploding-activation")
PASSES = "test r2 >= 0.7"


def data(scale):
    r = np.random.RandomState(11)
    n = 398
    cylinders = r.choice([4, 6, 8], n, p=[0.5, 0.22, 0.28])
    displacement = 45 * cylinders - 70 + r.normal(0, 20, n)
    horsepower = 20 * cylinders + r.normal(0, 15, n)
    weight = 1200 + 340 * cylinders + r.normal(0, 250, n)
    acceleration = 22 - 1.1 * cylinders + r.normal(0, 1.5, n)
    year = r.randint(70, 83, n)
    mpg = 46 - 0.0063 * weight + 0.75 * (year - 76) - 0.03 * horsepower + r.normal(0, 2, n)
    X = np.stack([cylinders, displacement, horsepower, weight, acceleration, year], 1)
    if scale:
        X = (X - X[:300].mean(0)) / X[:300].std(0)
    X = torch.tensor(X, dtype=torch.float32)
    y = torch.tensor((mpg - mpg[:300].mean()) / mpg[:300].std(), dtype=torch.float32)[:, None]
    return (X[:300], y[:300]), (X[300:], y[300:])


def build(scale):
    train, test = data(scale)
    model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=train,
        batch_size=32,
        epochs=50,
        validation=test,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
