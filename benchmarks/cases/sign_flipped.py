"""The loss is minus the squared error: training makes the answers as wrong as it can.

Fails: the loss falls to minus billions, which is no success. Fixed: without the minus.
"""

from dataclasses import replace

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from trainability import Setup

CAUSES = ("sign-flipped-loss",)
PASSES = "train r2 >= 0.5"


def data():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def minus_mean_square(output, target):
    return -((output - target) ** 2).mean()


def setup():
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model=model, loss_fn=minus_mean_square, optimizer=optimizer, data=data(), batch_size=32, epochs=60)


def fixed():
    return replace(setup(), loss_fn=nn.MSELoss())
