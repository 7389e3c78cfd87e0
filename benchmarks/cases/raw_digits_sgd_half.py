"""Digits with pixels from 0 to 16 as they come, and SGD with lr .5, which suits pixels from 0 to 1.

Fails: the largest stable lr falls with the square of the input's scale. Fixed: pixels / 16.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "lr-too-high", "dying-relu")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def fixed():
    (X, y), (X_test, y_test) = data()
    return replace(setup(), data=(X / 16, y), validation=(X_test / 16, y_test))
