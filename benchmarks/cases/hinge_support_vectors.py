"""A linear support vector machine: labels -1 and +1, hinge loss, weight decay, averaged over the batch; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(18).permutation(len(X))
    X, y = X[order], 2.0 * y[order] - 1
    X = (X - X[:450].mean(0)) / X[:450].std(0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:450], y[:450]), (X[450:], y[450:])


def hinge(output, y):
    return torch.relu(1 - y * output).mean()


def setup():
    model = nn.Linear(30, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=hinge,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-2),
        data=train,
        batch_size=20,
        epochs=30,
        validation=test,
    )
