"""Biases drawn from N(0, 25) beside He's weights: units are always on or always off.

Fails: four layers that hardly look at their input. Fixed: biases at 0.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("bias-scheme",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(bias_std):
    layers = [nn.Linear(64, 64), nn.Tanh()]
    for _ in range(5):
        layers += [nn.Linear(64, 64), nn.Tanh()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model[::2]:
        nn.init.xavier_normal_(layer.weight)
        nn.init.normal_(layer.bias, std=bias_std)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(5.0)


def fixed():
    return build(0.0)
