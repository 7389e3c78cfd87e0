"""A siamese network whose distance is the square root of 0 for equal pairs.

Fails: pairs of one and the same picture have distance 0, where the root has no derivative, and the weights become NaN
although the loss is finite. Fixed: a small number under the root.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("nonfinite-gradient", "exploding-gradient")
PASSES = "train accuracy >= 0.85"


class Siamese(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps
        self.branch = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.border = nn.Parameter(torch.ones(1))

    def forward(self, pair):
        difference = self.branch(pair[:, 0]) - self.branch(pair[:, 1])
        return self.border - (difference**2).sum(1).add(self.eps).sqrt()


def build(eps):
    digits = load_digits()
    random = np.random.RandomState(11)
    first = random.randint(0, 1797, 1000)
    second = np.where(
        random.rand(1000) < 0.5,
        [random.choice(np.flatnonzero(digits.target == digits.target[i])) for i in first],
        random.randint(0, 1797, 1000),
    )
    second[::50] = first[::50]
    X = np.stack([digits.data[first], digits.data[second]], 1) / 16
    y = digits.target[first] == digits.target[second]
    model = Siamese(eps)
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)),
        batch_size=32,
        epochs=20,
    )


def setup():
    return build(0.0)


def fixed():
    return build(1e-6)
