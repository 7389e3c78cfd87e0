"""Two hidden layers with weights drawn from U[-1, 1], softmax, and the mean of squared errors.

Source: a public question about ReLU and initial ranges, the shallower of two readings of it.
Fails: the right class often starts with probability 0, where squared error has no gradient.
Fixed: cross-entropy on logits and Kaiming.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("saturated-softmax", "initial-scale-too-large")
PASSES = "test accuracy >= 0.85"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init, loss_fn, *output_activation):
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
        *output_activation,
    )
    for layer in model[:5:2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    (X, y), (X_test, y_test) = data()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=(X, y),
        batch_size=4,
        epochs=20,
        validation=(X_test, y_test),
    )


def mean_square(output, target):
    return ((output - nn.functional.one_hot(target, 10)) ** 2).mean()


def setup():
    return build(lambda weight: nn.init.uniform_(weight, -1, 1), mean_square, nn.Softmax(dim=1))


def fixed():
    return build(lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"), nn.CrossEntropyLoss())
