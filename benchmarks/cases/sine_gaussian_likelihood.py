"""A network that answers with mean and variance, whose loss rightly falls below 0; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test loss <= -1"


def data():
    draw = np.random.RandomState(0)
    x = draw.uniform(-3, 3, (1500, 1))
    X = torch.tensor(x, dtype=torch.float32)
    y = torch.tensor(np.sin(x) + 0.1 * draw.randn(1500, 1), dtype=torch.float32)
    return (X[:1000], y[:1000]), (X[1000:], y[1000:])


def gaussian_likelihood(output, target):
    mean, log_variance = output.chunk(2, dim=1)
    return nn.functional.gaussian_nll_loss(mean, target, log_variance.exp())


def setup():
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=gaussian_likelihood,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=train,
        batch_size=50,
        epochs=60,
        validation=test,
    )
