"""XNOR, 2-4-1 with sigmoids and MSE, weights U(0, 1), SGD 0.01, a thousand passes.

Source: a public question about a small sigmoid network that changes its weights but always answers about one half. The
squared error through two sigmoids has a tiny gradient and the learning rate is far too small for it. Fixed: Adam 0.05
with the same network.
"""

import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps", "vanishing-gradient")
PASSES = "train loss <= 0.05"


def build(optimizer, init):
    X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
    for layer in model[::2]:
        init(layer.weight)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=optimizer(model.parameters()),
        data=(X, y),
        batch_size=1,
        epochs=1000,
    )


def setup():
    return build(lambda p: torch.optim.SGD(p, lr=0.01), nn.init.uniform_)


def fixed():
    return build(lambda p: torch.optim.Adam(p, lr=0.05), nn.init.uniform_)
