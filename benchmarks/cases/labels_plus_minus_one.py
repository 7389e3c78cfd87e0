"""Labels -1 and 1, as for a hinge loss, given to binary cross-entropy with logits.

Fails: the loss falls below 0 without end, and the answers become "no" for all. Fixed: labels 0 and 1.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import nn

from trainability import Setup

CAUSES = ("degenerate-labels",)
PASSES = "test accuracy >= 0.9"


def data(low):
    X, y = make_moons(900, noise=0.3, random_state=0)
    y = np.where(y == 1, 1.0, low)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return {"data": (X[:600], y[:600]), "validation": (X[600:], y[600:])}


def setup():
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        batch_size=32,
        epochs=60,
        **data(low=-1.0),
    )


def fixed():
    return replace(setup(), **data(low=0.0))
