"""Energy of small ring molecules: graph convolutions with a fixed adjacency in a buffer; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.85"


def data():
    rng = np.random.RandomState(52)
    kind = rng.randint(0, 4, (1500, 9))
    charge = np.array([-1.0, 0.0, 0.5, 2.0])[kind]
    energy = (charge * np.roll(charge, 1, axis=1)).sum(1) + 0.1 * rng.randn(1500)
    X, y = torch.tensor(np.eye(4)[kind], dtype=torch.float32), torch.tensor(energy, dtype=torch.float32)
    y = (y - y[:1200].mean()) / y[:1200].std()
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


class GraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        ring = torch.eye(9).roll(1, 0) + torch.eye(9).roll(-1, 0)
        self.register_buffer("adjacency", ring / 2)
        self.own1, self.near1 = nn.Linear(4, 32), nn.Linear(4, 32, bias=False)
        self.own2, self.near2 = nn.Linear(32, 32), nn.Linear(32, 32, bias=False)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.own1(x) + self.near1(self.adjacency @ x))
        x = torch.relu(self.own2(x) + self.near2(self.adjacency @ x))
        return self.head(x).sum((1, 2))


def setup():
    model = GraphNet()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.L1Loss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=50,
        epochs=25,
        validation=test,
    )
