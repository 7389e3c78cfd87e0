"""Twenty-four convolutions with PyTorch's default weights and no normalisation.

Fails: the default's gain of 1/sqrt(3) leaves a sixth of the variance per ReLU layer. Fixed: Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-small", "vanishing-gradient")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def network():
    layers = [nn.Unflatten(1, (1, 8, 8))]
    for channels in [1] + [16] * 23:
        layers += [nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 64, 10))


def build(model):
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=8,
        validation=test,
    )


def setup():
    return build(network())


def fixed():
    model = network()
    for layer in model[1:-2:2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return build(model)
