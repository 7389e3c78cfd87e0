"""Per-pixel classes: the scores (N, C, H, W) are viewed as (N*H*W, C) without a permute.

Fails: `reshape(-1, C)` takes neighbouring pixels of one class for the classes of one pixel, and masks look like
stripes. Fixed: cross-entropy on (N, C, H, W) as it is.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("outputs-and-targets-misaligned", "inputs-and-labels-misaligned")
PASSES = "train loss <= 0.25"


def data():
    random = np.random.RandomState(4)
    mask = np.zeros((300, 12, 12), dtype=np.int64)
    for m in mask:
        for label in (1, 2):
            row, column = random.randint(0, 7, 2)
            m[row : row + 6, column : column + 6] = label
    X = mask[:, None] - 1.0 + random.normal(0, 0.2, (300, 1, 12, 12))
    return torch.tensor(X, dtype=torch.float32), torch.tensor(mask)


def viewed(scores, mask):
    return nn.functional.cross_entropy(scores.reshape(-1, 3), mask.reshape(-1))


def build(loss_fn):
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 1)
    )
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=data(),
        batch_size=20,
        epochs=20,
        task="multi-class",
    )


def setup():
    return build(viewed)


def fixed():
    return build(nn.functional.cross_entropy)
