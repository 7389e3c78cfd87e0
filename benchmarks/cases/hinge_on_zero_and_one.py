"""Hinge loss with a sigmoid output and labels 0 and 1.

Fails: hinge wants -1 and 1; a 0 contributes a constant, so only the ones pull and every answer becomes 1. Fixed: binary
cross-entropy.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task", "constant-output", "saturated-output")
PASSES = "test accuracy >= 0.9"


def hinge(output, target):
    return (1 - target * output).clamp(min=0).mean()


def even():
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(2).permutation(len(y))
    x = torch.tensor(x[order] / 16, dtype=torch.float32)
    y = torch.tensor(y[order] % 2 == 0).float()[:, None]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(loss):
    model = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 1), nn.Sigmoid())
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    train, test = even()
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    return Setup(model, loss, adam, train, batch_size=32, epochs=15, validation=test)


def setup():
    return make(hinge)


def fixed():
    return make(nn.BCELoss())
