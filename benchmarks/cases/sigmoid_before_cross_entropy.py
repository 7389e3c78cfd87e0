"""A sigmoid on every output in front of CrossEntropyLoss.

Fails: the loss cannot fall below ln(1 + 9/e) = 1.461. Fixed: no sigmoid in the network.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("sigmoid-before-cross-entropy", "softmax-before-cross-entropy")
PASSES = "test loss <= 0.5"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(*output_activation):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), *output_activation)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def setup():
    return build(nn.Sigmoid())


def fixed():
    return build()
