"""The logarithm of pixels of which half are 0: half of the inputs are minus infinity.

Fails: the first loss is NaN. Fixed: log(1 + pixel).
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("non-finite-data",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    (X, y), (X_test, y_test) = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=(X.log(), y),
        batch_size=32,
        epochs=15,
        validation=(X_test.log(), y_test),
    )


def fixed():
    (X, y), (X_test, y_test) = data()
    return replace(setup(), data=(X.log1p(), y), validation=(X_test.log1p(), y_test))
