"""Twelve SELU layers with LeCun weights, zero biases and alpha dropout; healthy."""

from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(91).permutation(len(X))
    X, y = StandardScaler().fit(X[order[:1400]]).transform(X[order]).clip(-4, 4), y[order]
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    widths, layers = [64] + [64] * 12, []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.SELU(), nn.AlphaDropout(0.02)]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
        data=train,
        batch_size=50,
        epochs=15,
        validation=test,
    )
