"""Every bias of the ReLU layers starts at -1.

Fails: with PyTorch's small weights -1 is enough to silence every unit. Fixed: biases at 0.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("dying-relu", "bias-scheme", "constant-output")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(bias):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    for layer in model[:3:2]:
        nn.init.constant_(layer.bias, bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(bias=-1)


def fixed():
    return build(bias=0)
