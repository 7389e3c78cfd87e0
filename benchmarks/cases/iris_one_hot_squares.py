"""Iris with one-hot targets and the squared error of unbounded outputs; healthy."""

import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "train accuracy >= 0.93"


def setup():
    X, y = load_iris(return_X_y=True)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = F.one_hot(torch.tensor(y)).float()
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.NAdam(model.parameters(), lr=5e-3),
        data=(X, y),
        batch_size=25,
        epochs=60,
    )
