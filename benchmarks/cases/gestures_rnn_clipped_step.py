"""A plain tanh RNN on gesture tracks, its gradient clipped to 1 in the user's own step, SGD with momentum; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train accuracy >= 0.8"


class Gestures(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 32, batch_first=True)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.out(h[0])


def step(model, batch, optimizer):
    x, y = batch
    model.train()
    loss = nn.CrossEntropyLoss()(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def setup():
    r = np.random.RandomState(208)
    y = r.randint(0, 4, 500)
    direction = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[y] * 0.5
    steps = direction[:, None] + r.normal(0, 0.7, (500, 12, 2))
    X = torch.tensor(steps, dtype=torch.float32)
    model = Gestures()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9),
        data=(X, torch.tensor(y)),
        batch_size=20,
        epochs=25,
        step=step,
    )
