"""The user's step calls an exponential scheduler after every batch, meant for every epoch.

Source: a public question about a network that improves for a moment and then stands
still: `scheduler.step()` stood inside the loop over batches, so the learning rate was gone after a few dozen steps.
Fixed: once an epoch.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("lr-decays-too-fast", "lr-too-low", "too-few-steps", "lr-zero")
PASSES = "test accuracy >= 0.88"


class Step:
    def __init__(self, every):
        self.every, self.count, self.scheduler = every, 0, None

    def __call__(self, model, batch, optimizer):
        if self.scheduler is None:
            self.scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
        x, y = batch
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        self.count += 1
        if self.count % self.every == 0:
            self.scheduler.step()
        return loss


def build(every):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(3).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(y[order])
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9),
        data=(X[:1400], y[:1400]),
        batch_size=32,
        epochs=12,
        validation=(X[1400:], y[1400:]),
        step=Step(every),
    )


def setup():
    return build(1)


def fixed():
    return build(44)
