"""Hidden layers kept in a plain Python list, so that the optimizer never gets them.

Source: TheDeepChecker's "untrained parameters" in its PyTorch form (a list in place of nn.ModuleList).
Fails: only the last layer learns, on the random features of three layers. Fixed: nn.ModuleList.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("parameters-not-in-optimizer", "frozen-parameters", "no-trainable-parameters")
PASSES = "test accuracy >= 0.85"


def rays():
    rng = np.random.RandomState(60)
    angle = rng.rand(1200) * 2 * np.pi
    radius = 0.3 + rng.rand(1200)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    y = (angle / (2 * np.pi) * 8).astype(int) % 4
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    return (x[:900], y[:900]), (x[900:], y[900:])


class Net(nn.Module):
    def __init__(self, container):
        super().__init__()
        widths = [2, 16, 16, 16]
        self.hidden = container([nn.Linear(a, b) for a, b in pairwise(widths)])
        self.out = nn.Linear(16, 4)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.out(x)


def make(container):
    model = Net(container)
    train, test = rays()
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=32, epochs=30, validation=test)


def setup():
    return make(list)


def fixed():
    return make(nn.ModuleList)
