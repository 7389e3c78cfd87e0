"""Loan defaults from raw columns (income in dollars, age, debt, years) into tanh layers, Adam 1e-3.

Kind of public question (Stack Overflow, "Keras binary classification accuracy stuck at the majority class").
Fails: income in tens of thousands saturates every tanh unit. Fixed: standardised columns.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "saturated-units", "vanishing-gradient")
PASSES = "train accuracy >= 0.85"


def build(scale):
    r = np.random.RandomState(31)
    n = 600
    income = r.lognormal(10.6, 0.4, n)
    debt = r.lognormal(9.5, 0.5, n)
    age = r.uniform(20, 70, n)
    years = r.randint(0, 20, n)
    risk = 2 * (np.log(debt) - 9.5) - 2.2 * (np.log(income) - 10.6) + 0.09 * (45 - age) + 0.12 * (10 - years)
    y = (risk + r.normal(0, 0.3, n) > 0.1).astype(np.float32)
    X = np.stack([income, debt, age, years], 1)
    if scale:
        X = (X - X.mean(0)) / X.std(0)
    model = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 12), nn.Tanh(), nn.Linear(12, 1), nn.Sigmoid())
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y)[:, None]),
        batch_size=32,
        epochs=40,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
