"""SGD with lr .1 on breast cancer features as they come, up to 4254.

Fails: the first steps throw the ReLUs to the dead side and the majority class is predicted.
Fixed: standardise.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "dying-relu", "lr-too-high")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = torch.tensor(X[order], dtype=torch.float32)
    y = torch.tensor(y[order, None], dtype=torch.float32)
    return (X[:400], y[:400]), (X[400:], y[400:])


def setup():
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )


def fixed():
    (X, y), (X_test, y_test) = data()
    mean, std = X.mean(0), X.std(0)
    return replace(setup(), data=((X - mean) / std, y), validation=((X_test - mean) / std, y_test))
