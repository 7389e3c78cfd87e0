"""An LSTM forecasts monthly passengers in their raw numbers, 100 to 600, twelve months in, the next one out.

Kind of public question (Cross Validated / Stack Overflow: "LSTM predicts a flat line").
Fails: two faults, targets far too large for Adam 1e-3, and four epochs. Fixed: standardised series, 40 epochs.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-targets", "too-few-steps", "lr-too-low", "unscaled-inputs")
PASSES = "train r2 >= 0.9"


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        h, _ = self.lstm(x)
        return self.out(h[:, -1])


def build(scale):
    r = np.random.RandomState(5)
    t = np.arange(144)
    series = (110 + 2.6 * t) * (1 + 0.18 * np.sin(2 * np.pi * t / 12)) + r.normal(0, 6, 144)
    if scale:
        series = (series - series.mean()) / series.std()
    windows = np.stack([series[i : i + 12] for i in range(132)])
    X = torch.tensor(windows, dtype=torch.float32)[..., None]
    y = torch.tensor(series[12:], dtype=torch.float32)[:, None]
    model = Forecast()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=(X, y),
        batch_size=8,
        epochs=40 if scale else 4,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
