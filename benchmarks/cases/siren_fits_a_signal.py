"""Sine units of frequency 30 fit a wiggly signal of time (SIREN), full batch; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.9"


class Sine(nn.Module):
    def __init__(self, n_in, n_out, first=False):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        bound = 1 / n_in if first else np.sqrt(6 / n_in) / 30
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(30 * self.linear(x))


def setup():
    t = torch.linspace(-1, 1, 400)[:, None]
    signal = 0.5 * torch.sin(40 * t) + 0.3 * torch.cos(17 * t**2) + 0.2 * torch.sign(t)
    model = nn.Sequential(Sine(1, 48, first=True), Sine(48, 48), nn.Linear(48, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-4),
        data=(t, signal),
        batch_size=400,
        epochs=600,
    )
