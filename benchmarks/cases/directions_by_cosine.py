"""Directions in space by minus the mean cosine: a loss that falls from 0 to -1; healthy."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= -0.9"


def data():
    rng = np.random.RandomState(70)
    X = rng.randn(1500, 6)
    axis = np.stack([X[:, 0] + X[:, 1] * X[:, 2], X[:, 3], np.tanh(X[:, 4]) - X[:, 5]], 1)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(axis, dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


def minus_cosine(output, y):
    return -F.cosine_similarity(output, y, dim=1).mean()


def setup():
    model = nn.Sequential(nn.Linear(6, 64), nn.Mish(), nn.Linear(64, 64), nn.Mish(), nn.Linear(64, 3))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=minus_cosine,
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=50,
        epochs=30,
        validation=test,
    )
