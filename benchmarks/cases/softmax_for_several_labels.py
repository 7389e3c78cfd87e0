"""Three yes-or-no questions about each digit, several of them yes, and cross-entropy between three classes.

Fails: the three probabilities sum to 1, so that no two can be yes. Fixed: BCEWithLogitsLoss.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("exclusive-output-for-non-exclusive-labels",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = torch.tensor(X[order] / 16, dtype=torch.float32)
    y = np.stack([y % 2 == 0, y > 4, np.isin(y, [0, 6, 8, 9])], axis=1)
    y = torch.tensor(y[order], dtype=torch.float32)
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def fixed():
    return replace(setup(), loss_fn=nn.BCEWithLogitsLoss())
