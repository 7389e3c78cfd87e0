"""Wine with gradients accumulated over four small batches before each update; healthy."""

import torch
from sklearn.datasets import load_wine
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train accuracy >= 0.95"


class Accumulate:
    def __init__(self, loss_fn, every):
        self.loss_fn, self.every, self.seen = loss_fn, every, 0

    def __call__(self, model, batch, optimizer):
        x, y = batch
        loss = self.loss_fn(model(x), y)
        (loss / self.every).backward()
        self.seen += 1
        if self.seen % self.every == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()


def setup():
    X, y = load_wine(return_X_y=True)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    model = nn.Sequential(nn.Linear(13, 32), nn.Hardswish(), nn.Linear(32, 3))
    loss_fn = nn.CrossEntropyLoss()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, nesterov=True),
        data=(X, torch.tensor(y)),
        batch_size=8,
        epochs=40,
        step=Accumulate(loss_fn, 4),
    )
