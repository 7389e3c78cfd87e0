"""Cross-entropy between classes on a single output, with 0 and 1 as floats: the loss is 0 from the start.

Fails: the softmax of one output is 1 and has no gradient. Fixed: BCEWithLogitsLoss.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task", "constant-output")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = (X - X.mean(0)) / X.std(0)
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order, None], dtype=torch.float32)
    return (X[:400], y[:400]), (X[400:], y[400:])


def setup():
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )


def fixed():
    return replace(setup(), loss_fn=nn.BCEWithLogitsLoss())
