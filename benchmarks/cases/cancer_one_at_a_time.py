"""Breast cancer one patient at a time with RMSprop and a layer norm at the input; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(6).permutation(len(X))
    X, y = X[order], y[order]
    X = (X - X[:450].mean(0)) / X[:450].std(0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:450], y[:450]), (X[450:], y[450:])


def setup():
    model = nn.Sequential(nn.Linear(30, 32), nn.LayerNorm(32), nn.ReLU6(), nn.Linear(32, 2))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.RMSprop(model.parameters(), lr=3e-4),
        data=train,
        batch_size=1,
        epochs=6,
        validation=test,
    )
