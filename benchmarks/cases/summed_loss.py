"""The loss is summed over the batch while lr .1 was chosen for the mean.

Fails: every step is 128 times larger than meant. Fixed: the mean.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("reduction-by-sum", "lr-too-high", "dying-relu", "exploding-gradient")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=128,
        epochs=40,
        validation=test,
    )


def fixed():
    return replace(setup(), loss_fn=nn.CrossEntropyLoss())
