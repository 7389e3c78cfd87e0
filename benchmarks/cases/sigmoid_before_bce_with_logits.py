"""A sigmoid in the network and again inside BCEWithLogitsLoss.

Fails: the loss cannot fall below about .5, though the order of the answers is right.
Fixed: no sigmoid in the network.
"""

import torch
from sklearn.datasets import make_moons
from torch import nn

from trainability import Setup

CAUSES = ("sigmoid-before-bce-with-logits",)
PASSES = "test loss <= 0.2"


def data():
    X, y = make_moons(1000, noise=0.1, random_state=0)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)
    return (X[:700], y[:700]), (X[700:], y[700:])


def build(*output_activation):
    model = nn.Sequential(
        nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), *output_activation
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=train,
        batch_size=32,
        epochs=40,
        validation=test,
    )


def setup():
    return build(nn.Sigmoid())


def fixed():
    return build()
