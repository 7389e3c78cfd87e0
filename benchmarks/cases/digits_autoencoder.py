"""An autoencoder with sigmoid outputs for pixels from 0 to 1; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.6"


def data():
    X, _ = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = torch.tensor(X[order] / 16, dtype=torch.float32)
    return (X[:1400], X[:1400]), (X[1400:], X[1400:])


def setup():
    model = nn.Sequential(
        nn.Linear(64, 48),
        nn.ReLU(),
        nn.Linear(48, 16),
        nn.Linear(16, 48),
        nn.ReLU(),
        nn.Linear(48, 64),
        nn.Sigmoid(),
    )
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )
