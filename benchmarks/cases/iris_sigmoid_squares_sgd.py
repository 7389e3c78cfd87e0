"""Iris with three sigmoid outputs, squared error on one-hot rows, a sigmoid hidden layer and SGD .01 for 30 epochs.

Kind of public question (Stack Overflow, first Keras network on iris: "accuracy stays at 33 %").
Fails: sigmoid + squared error gives tiny gradients, and rate and epochs are far too small for them.
Fixed: logits and cross-entropy, standardised inputs, Adam .02.
"""

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps", "loss-does-not-fit-the-task")
PASSES = "test accuracy >= 0.85"


def build(fix):
    X, y = load_iris(return_X_y=True)
    order = np.random.RandomState(3).permutation(150)
    X, y = X[order], y[order]
    if fix:
        X = (X - X[:110].mean(0)) / X[:110].std(0)
    X = torch.tensor(X, dtype=torch.float32)
    Y = torch.tensor(y) if fix else torch.eye(3)[y]
    if fix:
        model = nn.Sequential(nn.Linear(4, 10), nn.Sigmoid(), nn.Linear(10, 3))
    else:
        model = nn.Sequential(nn.Linear(4, 10), nn.Sigmoid(), nn.Linear(10, 3), nn.Sigmoid())
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss() if fix else nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.02)
        if fix
        else torch.optim.SGD(model.parameters(), lr=0.01),
        data=(X[:110], Y[:110]),
        batch_size=10,
        epochs=30,
        validation=(X[110:], Y[110:]),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
