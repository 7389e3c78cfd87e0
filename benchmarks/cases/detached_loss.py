"""The loss is made anew as a leaf tensor, to silence "does not require grad".

Fails: backward stops at the new leaf and no weight gets a gradient. Fixed: the loss as it is.
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


def loss_as_a_new_leaf(output, target):
    loss = nn.functional.cross_entropy(output, target)
    return loss.detach().requires_grad_()


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=loss_as_a_new_leaf,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def fixed():
    return replace(setup(), loss_fn=nn.CrossEntropyLoss())
