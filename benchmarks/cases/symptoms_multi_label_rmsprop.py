"""Eight symptoms per patient, yes or no each, sigmoid outputs and BCELoss with RMSprop; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.85"


def data():
    r = np.random.RandomState(205)
    illness = r.normal(0, 1, (1000, 5))
    X = illness @ r.normal(0, 1, (5, 30)) + r.normal(0, 0.7, (1000, 30))
    Y = illness @ r.normal(0, 1, (5, 8)) + r.normal(0, 0.3, (1000, 8)) > r.uniform(0, 1.5, 8)
    X = (X - X.mean(0)) / X.std(0)
    X, Y = torch.tensor(X, dtype=torch.float32), torch.tensor(Y, dtype=torch.float32)
    return (X[:800], Y[:800]), (X[800:], Y[800:])


def setup():
    train, test = data()
    model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 8), nn.Sigmoid())
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.RMSprop(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=25,
        validation=test,
    )
