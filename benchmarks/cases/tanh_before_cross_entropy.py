"""A tanh on the logits in front of CrossEntropyLoss.

Fails: the loss cannot fall below ln(1 + 9/e^2) = .797, although the accuracy looks good. Fixed: no tanh at the end.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("bounded-logits", "softmax-before-cross-entropy")
PASSES = "test loss <= 0.5"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(*output_activation):
    model = nn.Sequential(
        nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), *output_activation
    )
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
    return build(nn.Tanh())


def fixed():
    return build()
