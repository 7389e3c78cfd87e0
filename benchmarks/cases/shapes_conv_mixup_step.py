"""Crosses, rings and squares, a strided conv net, mixup and label smoothing in the user's own step; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.85"


def data():
    r = np.random.RandomState(207)
    y = r.randint(0, 3, 700)
    i, j = np.mgrid[0:14, 0:14]
    X = []
    for c in y:
        a, b, size = r.uniform(5, 8), r.uniform(5, 8), r.uniform(2.5, 4.5)
        u, v = np.abs(i - a), np.abs(j - b)
        if c == 0:
            shape = (np.minimum(u, v) < 0.9) & (np.maximum(u, v) < size)
        elif c == 1:
            shape = np.abs(np.hypot(u, v) - size) < 0.8
        else:
            shape = np.maximum(u, v) < size
        X.append(shape + r.normal(0, 0.25, (14, 14)))
    X, y = torch.tensor(np.array(X), dtype=torch.float32)[:, None], torch.tensor(y)
    return (X[:550], y[:550]), (X[550:], y[550:])


def step(model, batch, optimizer):
    x, y = batch
    part = float(torch.distributions.Beta(0.3, 0.3).sample())
    other = torch.randperm(len(x))
    out = model(part * x + (1 - part) * x[other])
    optimizer.zero_grad(set_to_none=True)
    loss = part * nn.functional.cross_entropy(out, y, label_smoothing=0.05)
    loss = loss + (1 - part) * nn.functional.cross_entropy(out, y[other], label_smoothing=0.05)
    loss.backward()
    optimizer.step()
    return loss


def setup():
    train, test = data()
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 3),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(model.parameters(), lr=4e-3),
        data=train,
        batch_size=32,
        epochs=20,
        validation=test,
        step=step,
    )
