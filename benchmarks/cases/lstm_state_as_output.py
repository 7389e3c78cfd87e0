"""An LSTM with one unit is itself the output of a forecast of values about 300.

Source: a public question about a recurrent forecast that answers the same number near 1
everywhere: the state of an LSTM lies in (-1, 1), and there is no linear layer behind it. Fixed: a linear layer, and
the series standardised.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("output-range", "unscaled-targets", "saturated-output", "unscaled-inputs", "bottleneck-too-narrow")
PASSES = "train r2 >= 0.7"


class Forecast(nn.Module):
    def __init__(self, units, linear):
        super().__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.head = nn.Linear(units, 1) if linear else nn.Identity()

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def build(fixed):
    t = np.arange(420)
    series = 300 + 120 * np.sin(t / 6) + 40 * np.sin(t / 2.5) + np.random.RandomState(9).normal(0, 5, 420)
    if fixed:
        series = (series - series.mean()) / series.std()
    X = np.stack([series[i : i + 12] for i in range(400)])[:, :, None]
    model = Forecast(24, True) if fixed else Forecast(1, False)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(series[12:412, None], dtype=torch.float32)),
        batch_size=32,
        epochs=40,
    )


def setup():
    return build(False)


def fixed():
    return build(True)
