"""An L1 penalty of 0.1 on every kernel of a conv net.

Fails: the penalty outweighs the cross-entropy and the kernels go to 0. Fixed: 1e-5.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("regulariser-dominates", "constant-output")
PASSES = "test accuracy >= 0.85"


def data():
    bunch = load_digits()
    order = np.random.RandomState(6).permutation(1797)
    x = torch.tensor(bunch.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def step_with(strength):
    def step(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        for weight in model.parameters():
            if weight.ndim > 1:
                loss = loss + strength * weight.abs().sum()
        loss.backward()
        optimizer.step()
        return loss

    return step


def make(strength):
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(108, 48),
        nn.ReLU(),
        nn.Linear(48, 10),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = data()
    return Setup(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.Adam(model.parameters(), lr=2e-3),
        train,
        batch_size=32,
        epochs=8,
        validation=test,
        step=step_with(strength),
    )


def setup():
    return make(0.1)


def fixed():
    return make(1e-5)
