"""An LSTM adds the two marked numbers of a sequence; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.85"


def data():
    rng = np.random.RandomState(27)
    X = np.zeros((2000, 10, 2))
    X[:, :, 0] = rng.rand(2000, 10)
    rows = np.arange(2000)
    X[rows, rng.randint(0, 5, 2000), 1] = 1
    X[rows, rng.randint(5, 10, 2000), 1] = 1
    y = (X[:, :, 0] * X[:, :, 1]).sum(1, keepdims=True)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    return (X[:1600], y[:1600]), (X[1600:], y[1600:])


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][-1])


def setup():
    model = Adder()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.SmoothL1Loss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=64,
        epochs=25,
        validation=test,
    )
