"""Hourly bicycle-share demand as a number, a LayerNorm net with AdamW; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.7"


def data():
    r = np.random.RandomState(201)
    n = 900
    hour, temperature, rain = r.randint(0, 24, n), r.normal(14, 8, n), r.exponential(1, n)
    weekday = r.randint(0, 7, n)
    rush = np.exp(-((hour - 8) ** 2) / 4) + np.exp(-((hour - 17.5) ** 2) / 6)
    y = 60 + 150 * rush * (weekday < 5) + 5 * temperature - 25 * np.minimum(rain, 3) + r.normal(0, 12, n)
    X = np.column_stack(
        [
            np.sin(hour / 24 * 6.283),
            np.cos(hour / 24 * 6.283),
            hour / 12 - 1,
            (weekday < 5),
            (temperature - 14) / 8,
            rain,
        ]
    )
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y / 100, dtype=torch.float32)[:, None]
    return (X[:700], y[:700]), (X[700:], y[700:])


def setup():
    train, test = data()
    model = nn.Sequential(
        nn.Linear(6, 48), nn.LayerNorm(48), nn.ReLU(), nn.Linear(48, 48), nn.LayerNorm(48), nn.ReLU(), nn.Linear(48, 1)
    )
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01),
        data=train,
        batch_size=32,
        epochs=40,
        validation=test,
    )
