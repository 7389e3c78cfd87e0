"""Several genres per film, taught by CrossEntropyLoss on the many-hot rows.

Kind of public question (PyTorch forum: "multi-label classification, which loss?"; CrossEntropyLoss accepts float rows).
Fails: one softmax over labels that do not exclude one another. Fixed: BCEWithLogitsLoss.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("exclusive-output-for-non-exclusive-labels", "loss-does-not-fit-the-task")
PASSES = "test accuracy >= 0.85"


def data():
    r = np.random.RandomState(51)
    X = r.normal(0, 1, (700, 20))
    tagged_at_all = 4 * X[:, :1] + 2 * X[:, 1:2]  # how many genres a film gets
    scores = X @ r.normal(0, 0.5, (20, 6)) + tagged_at_all + r.normal(0, 0.5, (700, 6))
    Y = (scores > 0.5).astype(np.float32)
    X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y)
    return (X[:550], Y[:550]), (X[550:], Y[550:])


def build(loss_fn):
    train, test = data()
    model = nn.Sequential(nn.Linear(20, 48), nn.LeakyReLU(0.1), nn.Linear(48, 6))
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=25,
        epochs=20,
        validation=test,
        task="multi-label",
    )


def setup():
    return build(nn.CrossEntropyLoss())


def fixed():
    return build(nn.BCEWithLogitsLoss())
