"""Pixels that are already in [0, 1] are divided by 255 once more.

Source: a public question about a convolutional network that always predicts one class: the loader scales the pictures,
and so does the user's transform. Fixed: once.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "lr-too-low")
PASSES = "test accuracy >= 0.85"


def build(divisor):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(13).permutation(len(X))
    X, y = torch.tensor(X[order] / 16 / divisor, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(y[order])
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        data=(X[:1300], y[:1300]),
        batch_size=32,
        epochs=8,
        validation=(X[1300:], y[1300:]),
    )


def setup():
    return build(255)


def fixed():
    return build(1)
