"""Two spirals with SGD and lr 1e-3, where the loss seems to have settled at ln 2.

Fails: the budget ends before the spiral is followed. Fixed: Adam with lr .01.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low",)
PASSES = "train accuracy >= 0.95"


def data():
    draw = np.random.RandomState(0)
    turn = np.sqrt(draw.rand(300)) * 3 * np.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 10
    X = np.concatenate([arm, -arm]) + 0.02 * draw.randn(600, 2)
    return torch.tensor(X, dtype=torch.float32), torch.tensor([0] * 300 + [1] * 300)


def setup():
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=1e-3),
        data=data(),
        batch_size=32,
        epochs=100,
    )


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.Adam(s.model.parameters(), lr=0.01))
