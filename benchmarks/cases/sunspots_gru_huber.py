"""A GRU forecasts a scaled cycle one step ahead, Huber loss and Adam, no validation; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.8"


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Sequential(nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(h[:, -1])


def setup():
    r = np.random.RandomState(204)
    t = np.arange(260)
    series = np.abs(np.sin(np.pi * t / 22 + 0.2 * np.sin(t / 30))) * (1 + 0.3 * np.sin(t / 40)) + r.normal(0, 0.05, 260)
    series = series / series.max()
    X = torch.tensor(np.stack([series[i : i + 15] for i in range(245)]), dtype=torch.float32)[..., None]
    y = torch.tensor(series[15:], dtype=torch.float32)[:, None]
    model = Forecast()
    return Setup(
        model=model,
        loss_fn=nn.HuberLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=4e-3),
        data=(X, y),
        batch_size=16,
        epochs=25,
    )
