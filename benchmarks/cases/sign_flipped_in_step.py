"""The step calls backward on the negative of the loss.

Fails: training climbs. Fixed: backward of the loss.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("sign-flipped-loss",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def step_that_climbs(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    objective = -nn.functional.cross_entropy(model(x), y)
    objective.backward()
    optimizer.step()
    return objective


def step(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def build(step):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
        step=step,
    )


def setup():
    return build(step_that_climbs)


def fixed():
    return build(step)
