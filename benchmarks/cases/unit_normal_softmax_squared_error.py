"""Weights drawn from N(0, 1), ReLU, softmax and squared error at a tenth of the usual lr.

Fails: softmax is saturated from the start, and a small lr does not bring it back.
Fixed: N(0, .1^2) and lr .01.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("saturated-softmax", "initial-scale-too-large")
PASSES = "test accuracy >= 0.7"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def sum_of_squares(output, target):
    return ((output - target) ** 2).sum()


def build(init, lr):
    layers = []
    for fan_in in [64] * 4:
        layers += [nn.Linear(fan_in, 64), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(64, 10), nn.Softmax(dim=1))
    for layer in model[::2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    (X, y), (X_test, y_test) = data()
    return Setup(
        model=model,
        loss_fn=sum_of_squares,
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=(X, nn.functional.one_hot(y).float()),
        batch_size=1,
        epochs=5,
        validation=(X_test, nn.functional.one_hot(y_test).float()),
    )


def setup():
    return build(lambda weight: nn.init.normal_(weight), lr=0.001)


def fixed():
    return build(lambda weight: nn.init.normal_(weight, std=0.1), lr=0.01)
