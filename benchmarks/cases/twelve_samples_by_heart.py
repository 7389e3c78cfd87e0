"""Twelve pictures learned by heart with Rprop on the full batch, the first test of any pipeline; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train loss <= 0.05"


def setup():
    X, y = load_digits(return_X_y=True)
    rows = np.random.RandomState(64).permutation(len(X))[:12]
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Rprop(model.parameters(), lr=1e-3),
        data=(torch.tensor(X[rows] / 16, dtype=torch.float32), torch.tensor(y[rows])),
        batch_size=12,
        epochs=60,
    )
