"""Exclusive or: four rows, eight tanh units, a sigmoid output and a high learning rate; healthy."""

import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train loss <= 0.05"


def setup():
    X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid())
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9),
        data=(X, y),
        batch_size=4,
        epochs=400,
    )
