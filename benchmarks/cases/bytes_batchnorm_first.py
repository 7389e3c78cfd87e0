"""Digits as bytes from 0 to 255, border pixels always 0, with batch normalisation as the first layer; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(7).permutation(len(X))
    X, y = torch.tensor(X[order] * (255 / 16), dtype=torch.float32).round(), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(
        nn.BatchNorm1d(64, momentum=0.05), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.LogSoftmax(dim=1)
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.NLLLoss(),
        optimizer=torch.optim.Adagrad(model.parameters(), lr=0.05),
        data=train,
        batch_size=50,
        epochs=15,
        validation=test,
    )
