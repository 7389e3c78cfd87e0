"""The user's step trains on the first batch for ever.

Source: a public question about `next(iter(loader))` inside the loop, which begins the
loader anew each time: the training loss falls to 0 and everything else is at a poor level. Fixed: the batch that
comes.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("same-batch-again", "train-and-validation-differ")
PASSES = "test accuracy >= 0.9"


class Step:
    def __init__(self, first_only):
        self.first_only, self.first = first_only, None

    def __call__(self, model, batch, optimizer):
        if self.first is None:
            self.first = batch
        x, y = self.first if self.first_only else batch
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss


def build(first_only):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(5).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=(X[:1300], y[:1300]),
        batch_size=16,
        epochs=10,
        validation=(X[1300:], y[1300:]),
        step=Step(first_only),
    )


def setup():
    return build(True)


def fixed():
    return build(False)
