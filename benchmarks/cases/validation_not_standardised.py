"""The training features are standardised and the validation features come as they are (proline near 750).

Fails: it trains, and what it answers on the validation data is noise. Fixed: the training statistics for both.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ("train-and-validation-differ",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_wine(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order])
    return (X[:110], y[:110]), (X[110:], y[110:])


def setup():
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    (X, y), test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=((X - X.mean(0)) / X.std(0), y),
        batch_size=16,
        epochs=40,
        validation=test,
    )


def fixed():
    (X, _), (X_test, y_test) = data()
    return replace(setup(), validation=((X_test - X.mean(0)) / X.std(0), y_test))
