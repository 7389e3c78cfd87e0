"""A reservoir: a fixed random recurrent layer on purpose, and a trained linear readout; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.85"


def data():
    rng = np.random.RandomState(17)
    X = rng.uniform(-1, 1, (1000, 12, 1))
    y = X[:, -1] + 0.7 * X[:, -2] * X[:, -3] - 0.5 * X[:, -4]
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class Reservoir(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.RNN(1, 150, batch_first=True)
        nn.init.orthogonal_(self.recurrent.weight_hh_l0, gain=0.9)
        nn.init.uniform_(self.recurrent.weight_ih_l0, -0.6, 0.6)
        nn.init.uniform_(self.recurrent.bias_ih_l0, -0.5, 0.5)
        nn.init.zeros_(self.recurrent.bias_hh_l0)
        self.recurrent.requires_grad_(False)
        self.readout = nn.Linear(150, 1)

    def forward(self, x):
        return self.readout(self.recurrent(x)[0][:, -1])


def setup():
    model = Reservoir()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.readout.parameters(), lr=1e-2),
        data=data(),
        batch_size=50,
        epochs=30,
    )
