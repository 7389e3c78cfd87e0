"""ReLUs killed by SGD with lr .1 on a target that reaches 125.

Source: Stack Overflow 48934338; DeepLocalize, DeepFD, Defects4ML-070.
Fails: the first steps are so large that every ReLU dies and the mean is predicted. Fixed: lr 1e-4.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-high", "dying-relu", "unscaled-targets")
PASSES = "train r2 >= 0.9"


def data():
    x = np.arange(0, 5, 0.1)
    y = 5 * x**2 + np.random.RandomState(0).randn(50) ** 3
    return torch.tensor(x[:, None], dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def setup():
    model = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1))
    nn.init.xavier_uniform_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    nn.init.uniform_(model[2].weight, -0.05, 0.05)
    nn.init.uniform_(model[2].bias, -0.05, 0.05)
    nn.init.xavier_uniform_(model[4].weight)
    nn.init.zeros_(model[4].bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=32, epochs=1000)


def fixed():
    s = setup()
    return replace(s, optimizer=torch.optim.SGD(s.model.parameters(), lr=1e-4))
