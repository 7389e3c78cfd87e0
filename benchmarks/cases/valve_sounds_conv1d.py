"""A 1-D conv net with BatchNorm and global average pooling tells three valve sounds apart, Adam; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.85"


def data():
    r = np.random.RandomState(202)
    y = r.randint(0, 3, 600)
    t = np.arange(64)
    X = [
        np.sin(t * [0.35, 0.7, 1.4][c] * r.uniform(0.92, 1.08) + r.uniform(0, 6.28)) * r.uniform(0.5, 1.5)
        + r.normal(0, 0.5, 64)
        for c in y
    ]
    X, y = torch.tensor(np.array(X), dtype=torch.float32)[:, None], torch.tensor(y)
    return (X[:450], y[:450]), (X[450:], y[450:])


def setup():
    train, test = data()
    model = nn.Sequential(
        nn.Conv1d(1, 12, 7, padding=3), nn.BatchNorm1d(12), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(12, 24, 5, padding=2), nn.BatchNorm1d(24), nn.ReLU(), nn.AdaptiveAvgPool1d(1),
        nn.Flatten(), nn.Linear(24, 3),
    )  # fmt: skip
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=30,
        epochs=12,
        validation=test,
    )
