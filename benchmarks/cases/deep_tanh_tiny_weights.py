"""Twenty tanh layers with weights drawn from N(0, .01^2), once the advice of every tutorial.

Fails: signal and gradient shrink by 12 in every layer. Fixed: Xavier.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-small", "vanishing-gradient")
PASSES = "test accuracy >= 0.8"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(init):
    layers = []
    for fan_in in [64] * 20:
        layers += [nn.Linear(fan_in, 64), nn.Tanh()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for layer in model[::2]:
        init(layer.weight)
        nn.init.zeros_(layer.bias)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def setup():
    return build(lambda weight: nn.init.normal_(weight, std=0.01))


def fixed():
    return build(nn.init.xavier_uniform_)
