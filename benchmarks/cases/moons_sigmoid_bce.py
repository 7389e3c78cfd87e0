"""A sigmoid and BCELoss, which belong together, on two moons; healthy."""

import torch
from sklearn.datasets import make_moons
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.95"


def data():
    X, y = make_moons(1000, noise=0.1, random_state=0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:700], y[:700]), (X[700:], y[700:])


def setup():
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=train,
        batch_size=32,
        epochs=40,
        validation=test,
    )
