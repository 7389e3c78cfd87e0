"""A Dice loss on raw outputs, for a mask.

Fails: the sigmoid was forgotten, so the overlap and the sum have no bounds, and the loss runs away below 0 with useless
masks. Fixed: Dice of the sigmoid.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("log-of-unnormalised-output", "output-range", "loss-does-not-fit-the-task")
PASSES = "train accuracy >= 0.96"


def data():
    random = np.random.RandomState(6)
    mask = np.zeros((300, 1, 12, 12))
    for m in mask[:, 0]:
        row, column = random.randint(0, 8, 2)
        m[row : row + 5, column : column + 5] = 1
    X = mask + random.normal(0, 0.5, mask.shape)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(mask, dtype=torch.float32)


def dice(p, mask):
    overlap = (p * mask).sum((1, 2, 3))
    return (1 - (2 * overlap + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)).mean()


def build(loss_fn):
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 1, 1)
    )
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=data(),
        batch_size=20,
        epochs=20,
    )


def setup():
    return build(dice)


def fixed():
    return build(lambda z, mask: dice(z.sigmoid(), mask))
