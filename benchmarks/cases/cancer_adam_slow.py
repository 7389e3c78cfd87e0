"""Breast cancer with Adam at a learning rate of 5e-5 and enough epochs for it; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(4).permutation(len(X))
    X, y = X[order], y[order]
    X = (X - X[:450].mean(0)) / X[:450].std(0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
    return (X[:450], y[:450]), (X[450:], y[450:])


def setup():
    model = nn.Sequential(nn.Linear(30, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-5),
        data=train,
        batch_size=32,
        epochs=120,
        validation=test,
    )
