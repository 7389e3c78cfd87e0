"""Pixels standardised by hand; some columns are blank everywhere.

Source: SO "loss: nan" programs in DeepFD and defect4ML (normalisation divides by a standard deviation of 0).
Fails: 0 / 0 puts NaN into every row. Fixed: a small number is added to the deviation.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("non-finite-data", "constant-features")
PASSES = "test accuracy >= 0.9"


def data(epsilon):
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(88).permutation(len(y))
    x, y = torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order])
    x = (x - x[:1400].mean(0)) / (x[:1400].std(0) + epsilon)
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(epsilon):
    model = nn.Sequential(nn.Linear(64, 80), nn.SELU(), nn.Linear(80, 10))
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    train, test = data(epsilon)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=64, epochs=12, validation=test)


def setup():
    return make(0.0)


def fixed():
    return make(1.0)
