"""A linear law with thirty inputs, one sample per step with a learning rate that suits batches of 32.

Fails: each step overshoots for its own sample. Fixed: 32 samples per step, as many steps.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("batch-too-small-for-lr", "lr-too-high")
PASSES = "train r2 >= 0.8"


def data():
    draw = np.random.RandomState(0)
    X = draw.randn(400, 30)
    y = X @ draw.randn(30) + 0.3 * draw.randn(400)
    y = (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y[:, None], dtype=torch.float32)


def build(batch_size, epochs):
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.08),
        data=data(),
        batch_size=batch_size,
        epochs=epochs,
    )


def setup():
    return build(1, 4)


def fixed():
    return build(32, 126)
