"""SGD with lr 10 on digits, a hundred times what works.

Fails: the first steps leave a second layer without a live unit. Fixed: lr .1.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-high", "dying-relu")
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
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=10),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.SGD(s.model.parameters(), lr=0.1))
