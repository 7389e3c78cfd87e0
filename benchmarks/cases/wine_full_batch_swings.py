"""Logistic regression on raw wine measurements, the whole data in every step.

Fails: every step overshoots and the next one comes back. Fixed: standardised columns and lr .1.
"""

import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ("oscillation", "unscaled-inputs", "lr-too-high")
PASSES = "train accuracy >= 0.95"


def data(standardise):
    X, y = load_wine(return_X_y=True)
    if standardise:
        X = (X - X.mean(0)) / X.std(0)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def build(standardise, lr):
    model = nn.Linear(13, 3)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=data(standardise),
        batch_size=178,
        epochs=400,
    )


def setup():
    return build(standardise=False, lr=1e-4)


def fixed():
    return build(standardise=True, lr=0.1)
