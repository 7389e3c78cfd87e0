"""Forty ReLU layers with He's weights: the scale is right, and all digits point the same way at the end.

Fails: the last layer sees one direction for every input. Fixed: a shortcut round every layer.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("rank-collapse", "lr-too-high", "vanishing-gradient")
PASSES = "test accuracy >= 0.8"


class Shortcut(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return x + 0.1 * torch.relu(self.layer(x))


class Plain(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return torch.relu(self.layer(x))


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(block):
    layers = []
    for _ in range(40):
        layer = nn.Linear(64, 64)
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers.append(block(layer))
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
        data=train,
        batch_size=32,
        epochs=5,
        validation=test,
    )


def setup():
    return build(Plain)


def fixed():
    return build(Shortcut)
