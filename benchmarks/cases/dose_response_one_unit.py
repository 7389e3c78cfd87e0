"""A dose-response curve by the one hidden sigmoid unit that it needs; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.95"


def setup():
    rng = np.random.RandomState(61)
    dose = np.linspace(-4, 4, 120)[:, None]
    response = 0.2 + 2.5 / (1 + np.exp(-1.5 * (dose - 0.7))) + 0.05 * rng.randn(120, 1)
    X, y = torch.tensor(dose, dtype=torch.float32), torch.tensor(response, dtype=torch.float32)
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 1))
    return Setup(
        model=model,
        loss_fn=nn.HuberLoss(delta=0.5),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-2),
        data=(X, y),
        batch_size=40,
        epochs=300,
    )
