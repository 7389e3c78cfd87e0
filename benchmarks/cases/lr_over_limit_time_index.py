"""A straight line fitted to a time index 0..99 with lr .5, 800 times over the stable limit.

Source: Stack Overflow 43636736 (IPS-15).
Fails: the largest curvature is 3284, so gradient descent needs lr < 2 / 3284 = 6.09e-4. Fixed: lr 1e-4.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-high", "unscaled-inputs")
PASSES = "train r2 >= 0.95"


def data():
    t = np.arange(100.0)
    X = np.stack([t, np.ones(100)], axis=1)
    y = X @ [2, 4] + 10 * np.random.RandomState(0).rand(100)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def half_mean_square(output, target):
    return ((output - target) ** 2).sum() / (2 * len(target))


def setup():
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return Setup(model=model, loss_fn=half_mean_square, optimizer=optimizer, data=data(), batch_size=100, epochs=300)


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.SGD(s.model.parameters(), lr=1e-4))
