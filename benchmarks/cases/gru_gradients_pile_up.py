"""A GRU tells rising from falling sequences; the training step has no zero_grad, SGD .1 with momentum.

Kind of public question (PyTorch forum: "my GRU loss jumps around and never settles").
Fails: gradients of all batches add up. Fixed: optimizer.zero_grad() first.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("gradients-never-cleared",)
PASSES = "test accuracy >= 0.85"


class Trend(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 16, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        _, h = self.gru(x)
        return self.out(h[-1])


def data():
    r = np.random.RandomState(61)
    y = r.randint(0, 3, 600)
    slope = np.array([-0.25, 0.0, 0.25])[y]
    t = np.arange(14) - 6.5
    X = np.stack([slope[:, None] * t + r.normal(0, 0.7, (600, 14)), r.normal(0, 1, (600, 14))], 2)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:450], y[:450]), (X[450:], y[450:])


def faulty(model, batch, optimizer):
    x, y = batch
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def right(model, batch, optimizer):
    optimizer.zero_grad()
    return faulty(model, batch, optimizer)


def build(step):
    train, test = data()
    model = Trend()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        data=train,
        batch_size=30,
        epochs=12,
        validation=test,
        step=step,
    )


def setup():
    return build(faulty)


def fixed():
    return build(right)
