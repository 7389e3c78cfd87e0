"""Every weight and bias drawn from N(0, 1): the loss starts at 20 000 instead of 2.3.

Source: Stack Overflow 48723158; TheDeepChecker `SO_buggy_examples/IPS_4.py`.
Fails: the training set is fitted, with logits so large that every mistake costs about 100. Fixed: Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-large",)
PASSES = "test loss <= 0.5"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init):
    model = nn.Sequential(
        nn.Linear(64, 500),
        nn.ReLU(),
        nn.Linear(500, 500),
        nn.ReLU(),
        nn.Linear(500, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )
    for layer in model[::2]:
        init(layer)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.003),
        data=train,
        batch_size=100,
        epochs=10,
        validation=test,
    )


def unit_normal(layer):
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)


def kaiming(layer):
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)


def setup():
    return build(unit_normal)


def fixed():
    return build(kaiming)
