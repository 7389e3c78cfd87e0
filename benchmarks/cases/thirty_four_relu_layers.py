"""34 ReLU layers with Glorot's gain of 1: the signal's variance halves in every layer.

Source: AUTOTRAINER `Motivation/DyingReLU` (minist_relu_layer=34.h5).
Fails: at the output 2^-34 of the variance is left. Fixed: orthogonal weights with gain sqrt(2) and Adam 1e-4.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-small", "vanishing-gradient", "lr-too-high")
PASSES = "test accuracy >= 0.8"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init, lr):
    layers = []
    for fan_in in [64] + [128] * 33:
        layers += [nn.Linear(fan_in, 128), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(128, 10))
    for layer in model[::2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=lr),
        data=train,
        batch_size=32,
        epochs=10,
        validation=test,
    )


def setup():
    return build(nn.init.xavier_uniform_, lr=1e-3)


def fixed():
    return build(lambda weight: nn.init.orthogonal_(weight, gain=2**0.5), lr=1e-4)
