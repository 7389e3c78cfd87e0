"""Digits by a small conv net; a schedule in the step warms the learning rate up from 0 and cools it down; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(11).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def setup():
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(192, 32), nn.ReLU(),
        nn.Linear(32, 10),
    )  # fmt: skip
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
    total = 10 * 44
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: i / 60 if i < 60 else max(0.0, (total - i) / (total - 60))
    )

    def step(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    train, test = data()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=optimizer,
        data=train,
        batch_size=32,
        epochs=10,
        validation=test,
        step=step,
    )
