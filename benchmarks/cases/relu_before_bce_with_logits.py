"""A ReLU behind the last layer of a yes-or-no classifier, as behind all the others.

Fails: no logit below 0, so the loss cannot fall below .372 ln 2 = .258. Fixed: no ReLU at the end.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("relu-on-output", "sigmoid-before-bce-with-logits", "dying-relu")
PASSES = "train loss <= 0.15"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def build(*output_activation):
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1), *output_activation)
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=data(),
        batch_size=32,
        epochs=20,
    )


def setup():
    return build(nn.ReLU())


def fixed():
    return build()
