"""A GRU counts the ones of a bit string; a summed loss, gradients clipped to norm 1 in the step; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.9"


def data():
    bits = np.random.RandomState(40).randint(0, 2, (1500, 12, 1))
    X, y = torch.tensor(bits, dtype=torch.float32), torch.tensor(bits.sum(1), dtype=torch.float32)
    return (X[:1200], y[:1200]), (X[1200:], y[1200:])


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 20, batch_first=True)
        self.head = nn.Linear(20, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])


def setup():
    model = Counter()
    loss_fn = nn.MSELoss(reduction="sum")

    def step(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    train, test = data()
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9),
        data=train,
        batch_size=32,
        epochs=13,
        validation=test,
        step=step,
    )
