"""A yes or no with a sigmoid and squared error, unit-normal weights and columns in their own units.

Fails: the sigmoid starts certain, right or wrong, and squared error has no gradient there. Fixed: torch's own weights
and standardised columns.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("saturated-output", "initial-scale-too-large", "unscaled-inputs")
PASSES = "train accuracy >= 0.95"


def data(standardise):
    X, y = load_breast_cancer(return_X_y=True)
    if standardise:
        X = (X - X.mean(0)) / X.std(0)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def build(own_weights, standardise):
    model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
    if own_weights:
        for layer in (model[0], model[2], model[4]):
            nn.init.normal_(layer.weight)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=data(standardise),
        batch_size=32,
        epochs=40,
    )


def setup():
    return build(own_weights=True, standardise=False)


def fixed():
    return build(own_weights=False, standardise=True)
