"""Dropout(0.5) behind the output of a regression.

Source: NeuraLint and DeepCrime faults (dropout layer at the wrong place).
Fails: half of the answers are zeroed in training, so the best the net can do is to answer half of the target.
Fixed: the dropout is moved before the last layer and made light.
"""

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from torch import nn

from trainability import Setup

CAUSES = ("dropout-too-heavy",)
PASSES = "test r2 >= 0.7"


def data():
    x, y = make_friedman1(1200, n_features=8, noise=0.5, random_state=9)
    x = (x - 0.5) / np.sqrt(1 / 12)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y / 5, dtype=torch.float32)[:, None]
    return (x[:900], y[:900]), (x[900:], y[900:])


def make(*tail):
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), *tail)
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    train, test = data()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, nn.MSELoss(), adam, train, batch_size=32, epochs=40, validation=test)


def setup():
    return make(nn.Linear(64, 1), nn.Dropout(0.5))


def fixed():
    return make(nn.Dropout(0.05), nn.Linear(64, 1))
