"""Digits with a fifth of the training labels drawn at random; the test labels are clean; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.87"


def data():
    rng = np.random.RandomState(2)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(len(X))
    X, y = X[order] / 16, y[order]
    wrong = rng.permutation(1400)[:280]
    y[wrong] = rng.randint(0, 10, 280)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05),
        data=train,
        batch_size=64,
        epochs=25,
        validation=test,
    )
