"""All layers but the last are frozen, as one does with a pretrained network, in a network that starts from nothing.

Fails: the last layer sees what six random layers leave of the input. Fixed: everything is trained.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("frozen-parameters",)
PASSES = "test accuracy >= 0.8"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def build(freeze):
    layers = [nn.Linear(64, 64)]
    for _ in range(5):
        layers += [nn.ReLU(), nn.Linear(64, 64)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(64, 10))
    if freeze:
        model[:-1].requires_grad_(False)
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(freeze=True)


def fixed():
    return build(freeze=False)
