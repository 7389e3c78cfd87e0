"""The model is built a second time after the optimizer was made, so the optimizer moves the first one.

Fails: the weights that are tested never change. Fixed: an optimizer over this model.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("parameters-not-in-optimizer",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def network():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def setup():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model = network()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.Adam(s.model.parameters(), lr=1e-3))
