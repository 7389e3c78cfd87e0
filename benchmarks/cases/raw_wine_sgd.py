"""Wine features as they come (proline near 750, hue near 1) and SGD with lr .01.

Fails: the first steps kill every ReLU and one class is predicted for all. Fixed: standardise.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "dying-relu", "lr-too-high")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_wine(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])
    return (X[:130], y[:130]), (X[130:], y[130:])


def setup():
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=train,
        batch_size=16,
        epochs=100,
        validation=test,
    )


def fixed():
    (X, y), (X_test, y_test) = data()
    mean, std = X.mean(0), X.std(0)
    return replace(setup(), data=((X - mean) / std, y), validation=((X_test - mean) / std, y_test))
