"""Only 40 training rows are left, and 120 features.

Source: DeepCrime's operator "remove portion of training data"; UMLAUT's heavy overfitting.
Fails: fits the 40 rows and is little better than guessing on new ones. Fixed: all 1500 rows.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("overfitting",)
PASSES = "test accuracy >= 0.8"


def data(rows):
    rng = np.random.RandomState(30)
    x = rng.randn(2000, 120)
    w = rng.randn(120)
    y = (x @ w > 0).astype("float32")
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)[:, None]
    return (x[:rows], y[:rows]), (x[1500:], y[1500:])


def make(rows, epochs):
    model = nn.Sequential(nn.Linear(120, 64), nn.ReLU(), nn.Linear(64, 1))
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    train, test = data(rows)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, nn.BCEWithLogitsLoss(), adam, train, batch_size=20, epochs=epochs, validation=test)


def setup():
    return make(40, 150)


def fixed():
    return make(1500, 4)
