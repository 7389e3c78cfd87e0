"""Logistic regression on standardised breast cancer features with SGD; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.94"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = torch.tensor((X[order] - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = torch.tensor(y[order, None], dtype=torch.float32)
    return (X[:400], y[:400]), (X[400:], y[400:])


def setup():
    model = nn.Linear(30, 1)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )
