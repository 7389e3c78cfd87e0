"""Twin networks tell whether two digits are the same, with a contrastive loss on their distance; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= 0.07"


def data():
    rng = np.random.RandomState(38)
    X, y = load_digits(return_X_y=True)
    first = rng.randint(0, 1797, 4000)
    second = np.array([rng.choice(np.flatnonzero(y == y[i])) if rng.rand() < 0.5 else rng.randint(1797) for i in first])
    pairs = torch.tensor(np.stack([X[first], X[second]], 1) / 16, dtype=torch.float32)
    same = torch.tensor(y[first] == y[second], dtype=torch.float32)
    return (pairs[:3000], same[:3000]), (pairs[3000:], same[3000:])


class Twins(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, pair):
        return F.pairwise_distance(self.body(pair[:, 0]), self.body(pair[:, 1]))


def contrastive(distance, same):
    return (same * distance**2 + (1 - same) * F.relu(1 - distance) ** 2).mean()


def setup():
    model = Twins()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=contrastive,
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=64,
        epochs=15,
        validation=test,
    )
