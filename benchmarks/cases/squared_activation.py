"""Six layers that square what they get: the output is a polynomial of degree 32 in the pixels.

Fails: one step too far and the values overflow. Fixed: ReLU.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("exploding-activation",)
PASSES = "test accuracy >= 0.9"


class Square(nn.Module):
    def forward(self, x):
        return x**2


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(activation):
    layers = [nn.Linear(64, 64), activation()]
    for _ in range(4):
        layers += [nn.Linear(64, 64), activation()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model[::2]:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=10,
        validation=test,
    )


def setup():
    return build(Square)


def fixed():
    return build(nn.ReLU)
