"""A tenth of the sum of squared weights added to the loss: small weights pay more than a good fit.

Fails: r2 stops near .5 where .85 is reached without. Fixed: a factor of 1e-5.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from trainability import Setup

CAUSES = ("regulariser-dominates",)
PASSES = "train r2 >= 0.75"


def data():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def build(factor):
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)

    def mean_square_and_penalty(output, target):
        penalty = sum((layer.weight**2).sum() for layer in model[::2])
        return ((output - target) ** 2).mean() + factor * penalty

    return Setup(
        model=model,
        loss_fn=mean_square_and_penalty,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=data(),
        batch_size=32,
        epochs=60,
    )


def setup():
    return build(factor=0.1)


def fixed():
    return build(factor=1e-5)
