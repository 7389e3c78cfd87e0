"""Every weight starts at .01: all units of a layer are the same unit and stay so.

Source: TheDeepChecker `buggy_synthetic_programs/wrong_init/*_constant.py`; Stack Overflow 48027263, 36127436.
Fails: the loss falls a little, as far as one unit per layer can take it. Fixed: Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("symmetric-units",)
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    for layer in model[::2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(lambda weight: nn.init.constant_(weight, 0.01))


def fixed():
    return build(lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"))
