"""Eight layers of five sigmoid units: the first layers get almost no gradient.

Source: AUTOTRAINER `AutoTrainer/demo_case/Gradient_Vanish_Case`.
Fails: one answer for every point, 50 % right. Fixed: tanh.
"""

import torch
from sklearn.datasets import make_circles
from torch import nn

from trainability import Setup

CAUSES = ("vanishing-gradient",)
PASSES = "test accuracy >= 0.75"


def data():
    X, y = make_circles(1000, noise=0.1, random_state=1)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:700], y[:700]), (X[700:], y[700:])


def build(activation):
    layers = []
    for fan_in in (2, 5, 5, 5, 5, 5, 5, 5):
        layers += [nn.Linear(fan_in, 5), activation()]
    model = nn.Sequential(*layers, nn.Linear(5, 1), nn.Sigmoid())
    for layer in model[::2]:
        bound = (6 / layer.in_features) ** 0.5
        nn.init.uniform_(layer.weight, -bound, bound)
        nn.init.zeros_(layer.bias)
    train, validation = data()
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=128,
        epochs=300,
        validation=validation,
    )


def setup():
    return build(nn.Sigmoid)


def fixed():
    return build(nn.Tanh)
