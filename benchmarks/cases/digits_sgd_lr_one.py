"""Digits with batch normalisation after every layer and plain SGD with a learning rate of 1; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(5).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(
        nn.Linear(64, 96, bias=False),
        nn.BatchNorm1d(96),
        nn.ReLU(),
        nn.Linear(96, 96, bias=False),
        nn.BatchNorm1d(96),
        nn.ReLU(),
        nn.Linear(96, 10),
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        data=train,
        batch_size=100,
        epochs=20,
        validation=test,
    )
