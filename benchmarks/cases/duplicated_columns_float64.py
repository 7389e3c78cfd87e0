"""Linear regression in float64 on a table whose columns all occur three times; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.9"


def data():
    rng = np.random.RandomState(14)
    once = rng.randn(600, 6)
    y = once @ np.array([1.5, -2.0, 0.5, 0.0, 0.0, 1.0]) + 0.3 * rng.randn(600) + 2.0
    X, y = torch.tensor(np.tile(once, 3)), torch.tensor(y[:, None])
    return (X[:450], y[:450]), (X[450:], y[450:])


def setup():
    model = nn.Linear(18, 1).double()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02),
        data=train,
        batch_size=450,
        epochs=200,
        validation=test,
    )
