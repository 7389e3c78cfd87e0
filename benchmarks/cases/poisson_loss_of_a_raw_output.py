"""Counts with a Poisson likelihood that takes the logarithm of a linear output.

Fails: PoissonNLLLoss(log_input=False) is NaN wherever the output is negative. Fixed: Softplus at the end.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("log-of-unnormalised-output", "output-range", "loss-does-not-fit-the-task")
PASSES = "train r2 >= 0.3"


def build(head):
    random = np.random.RandomState(10)
    X = random.normal(size=(600, 5))
    y = random.poisson(np.exp(0.8 * X[:, 0] - 0.6 * X[:, 1] + 0.5))[:, None]
    model = nn.Sequential(nn.Linear(5, 24), nn.Tanh(), nn.Linear(24, 1), *head)
    return Setup(
        model=model,
        loss_fn=nn.PoissonNLLLoss(log_input=False),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)),
        batch_size=32,
        epochs=30,
    )


def setup():
    return build([])


def fixed():
    return build([nn.Softplus()])
