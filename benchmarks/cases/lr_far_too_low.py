"""Adam with lr 1e-5 and time for 840 steps.

Fails: no weight can move by more than about .008. Fixed: Adam's default, 1e-3.
"""

from dataclasses import replace

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low",)
PASSES = "train r2 >= 0.5"


def data():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def setup():
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=32, epochs=60)


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.Adam(s.model.parameters(), lr=1e-3))
