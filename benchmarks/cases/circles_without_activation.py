"""Three linear layers with nothing between them on two rings, one inside the other.

Fails: however many layers, the border is a straight line. Fixed: ReLU between the layers.
"""

import torch
from sklearn.datasets import make_circles
from torch import nn

from trainability import Setup

CAUSES = ("no-nonlinearity",)
PASSES = "test accuracy >= 0.75"


def data():
    X, y = make_circles(1000, noise=0.1, random_state=1)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:700], y[:700]), (X[700:], y[700:])


def build(activation):
    model = nn.Sequential(
        nn.Linear(2, 64), activation(), nn.Linear(64, 64), activation(), nn.Dropout(0.1), nn.Linear(64, 2)
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
    )


def setup():
    return build(nn.Identity)


def fixed():
    return build(nn.ReLU)
