"""Several labels a sample, and MultiLabelMarginLoss given rows of 0 and 1.

Fails: this loss wants the numbers of the right classes, ended by -1, and reads a row of 0 and 1 as the classes 0 and 1;
its loss falls near 0 while the answers stay wrong. Fixed: binary cross-entropy with logits.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task",)
PASSES = "test accuracy >= 0.85"


def build(loss_fn, dtype):
    random = np.random.RandomState(15)
    X = random.normal(size=(1000, 12))
    y = X @ random.normal(size=(12, 6)) + 0.3 * random.normal(size=(1000, 6)) > 0.5
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y).to(dtype)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 6))
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X[:800], y[:800]),
        batch_size=32,
        epochs=20,
        validation=(X[800:], y[800:]),
    )


def setup():
    return build(nn.MultiLabelMarginLoss(), torch.int64)


def fixed():
    return build(nn.BCEWithLogitsLoss(), torch.float32)
