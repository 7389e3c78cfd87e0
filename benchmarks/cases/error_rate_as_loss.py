"""The share of wrong answers is taken as the loss, with requires_grad set by hand.

Fails: argmax has no derivative, so no weight gets a gradient. Fixed: cross-entropy.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("detached-loss",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def error_rate(output, target):
    wrong = (output.argmax(1) != target).float()
    return wrong.mean().requires_grad_()


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=error_rate,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def fixed():
    return replace(setup(), loss_fn=nn.CrossEntropyLoss())
