"""Answers from 1 to 5 as ordered levels: one threshold each on a single score (cumulative logits); healthy."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 0.2"


def data():
    rng = np.random.RandomState(48)
    X = rng.randn(1600, 8)
    score = X[:, 0] + np.abs(X[:, 1]) - 0.5 * X[:, 2] + 0.2 * rng.randn(1600)
    level = np.digitize(score, np.quantile(score, [0.2, 0.4, 0.6, 0.8]))
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(level)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


class Ordinal(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1, bias=False))
        self.cuts = nn.Parameter(torch.tensor([1.0, 0.3, -0.3, -1.0]))

    def forward(self, x):
        return self.score(x) + self.cuts


def cumulative(logits, level):
    above = (level[:, None] > torch.arange(4)).float()
    return F.binary_cross_entropy_with_logits(logits, above)


def setup():
    model = Ordinal()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=cumulative,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=64,
        epochs=25,
        validation=test,
    )
