"""Weights are clamped after each step by putting new parameters in their place.

Fails: the optimizer goes on moving the first ones. Fixed: clamped in place.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("parameters-replaced", "parameters-not-in-optimizer")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def clamped_anew(model, batch, optimizer):
    loss = descend(model, batch, optimizer)
    for layer in (model[0], model[2], model[4]):
        layer.weight = nn.Parameter(layer.weight.clamp(-1, 1))
        layer.bias = nn.Parameter(layer.bias.clamp(-1, 1))
    return loss


def clamped_in_place(model, batch, optimizer):
    loss = descend(model, batch, optimizer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.clamp_(-1, 1)
    return loss


def descend(model, batch, optimizer):
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
    return build(clamped_anew)


def fixed():
    return build(clamped_in_place)
