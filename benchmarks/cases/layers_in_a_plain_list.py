"""A residual network for a function of the plane keeps its layers in a Python list.

Fails: layers in a plain list are no parameters, so the optimizer trains the last layer only. Fixed: nn.ModuleList.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("parameters-not-in-optimizer", "frozen-parameters", "no-trainable-parameters")
PASSES = "train r2 >= 0.8"


class Network(nn.Module):
    def __init__(self, hold):
        super().__init__()
        self.layers = hold([nn.Linear(2 if i == 0 else 24, 24) for i in range(3)])
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = torch.tanh(layer(x)) + (x if i else 0)
        return self.out(x)


def build(hold):
    X = np.random.RandomState(18).uniform(-2, 2, (800, 2))
    y = np.sin(3 * X[:, :1]) * np.cos(2 * X[:, 1:])
    model = Network(hold)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)),
        batch_size=32,
        epochs=40,
    )


def setup():
    return build(list)


def fixed():
    return build(nn.ModuleList)
