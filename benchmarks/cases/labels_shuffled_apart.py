"""The images are shuffled and their labels are not: no label has to do with its image any more.

Fails: the network learns the training labels by heart and is at chance on others. Fixed: one order for both.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("labels-independent-of-inputs",)
PASSES = "test accuracy >= 0.9"


def data(together):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = X[order] / 16
    y = y[order] if together else y
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return {"data": (X[:1400], y[:1400]), "validation": (X[1400:], y[1400:])}


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        batch_size=32,
        epochs=20,
        **data(together=False),
    )


def fixed():
    return replace(setup(), **data(together=True))
