"""Gradient accumulation that clears the gradients at every batch.

Source: a public question about accumulating gradients over many small batches: the loss
is divided by the number of batches and the optimizer steps once in 64, but `zero_grad()` stays at the top of every
batch, so each rare step sees a 64th of one batch's gradient. Fixed: cleared after the step, and 8 batches of
accumulation.
"""

import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ("gradients-cleared-before-step", "too-few-steps", "lr-too-low")
PASSES = "train accuracy >= 0.9"


class Step:
    def __init__(self, many, clear_always):
        self.many, self.clear_always, self.count = many, clear_always, 0

    def __call__(self, model, batch, optimizer):
        x, y = batch
        if self.clear_always:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y) / self.many
        loss.backward()
        self.count += 1
        if self.count % self.many == 0:
            optimizer.step()
            if not self.clear_always:
                optimizer.zero_grad()
        return loss * self.many


def build(many, clear_always):
    X, y = load_wine(return_X_y=True)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    model = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 3))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=(X, torch.tensor(y)),
        batch_size=4,
        epochs=30,
        step=Step(many, clear_always),
    )


def setup():
    return build(64, True)


def fixed():
    return build(8, False)
