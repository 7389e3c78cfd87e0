"""Measurements with wild outliers by a Student-t likelihood with learned width; the loss ends below 0; healthy."""

import math

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train loss <= -0.6"


def data():
    rng = np.random.RandomState(76)
    x = rng.uniform(-3, 3, (1200, 1))
    y = np.sin(2 * x) + 0.05 * rng.standard_t(2, (1200, 1))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def student(output, y, freedom=2.0):
    centre, log_width = output[:, :1], output[:, 1:]
    constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    far = ((y - centre) / log_width.exp()) ** 2 / freedom
    return (log_width + 0.5 * (freedom + 1) * torch.log1p(far) - constant).mean()


def setup():
    model = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 2))
    return Setup(
        model=model,
        loss_fn=student,
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=data(),
        batch_size=64,
        epochs=60,
    )
