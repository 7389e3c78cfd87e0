"""Five sigmoid layers on digits with SGD.

Fails: sigmoid passes on at most a quarter of the gradient per layer. Fixed: ReLU with Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("vanishing-gradient",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(activation, init):
    layers = []
    for fan_in in [64] * 5:
        layers += [nn.Linear(fan_in, 64), activation()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model[::2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def setup():
    return build(nn.Sigmoid, nn.init.xavier_uniform_)


def fixed():
    return build(nn.ReLU, nn.init.kaiming_normal_)
