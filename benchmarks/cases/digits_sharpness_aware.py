"""Digits with sharpness-aware steps: two forwards and two backwards for each update; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(85).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 64), nn.LeakyReLU(), nn.Linear(64, 10))
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)

    def step(model, batch, optimizer, rho=0.05):
        x, y = batch
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        with torch.no_grad():
            weights = [p for p in model.parameters() if p.grad is not None]
            norm = torch.stack([p.grad.norm() for p in weights]).norm() + 1e-12
            moves = [p.grad * (rho / norm) for p in weights]
            for p, move in zip(weights, moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        with torch.no_grad():
            for p, move in zip(weights, moves, strict=True):
                p.sub_(move)
        optimizer.step()
        return loss

    train, test = data()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        data=train,
        batch_size=64,
        epochs=15,
        validation=test,
        step=step,
    )
