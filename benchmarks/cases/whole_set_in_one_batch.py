"""A GRU whose batch holds the whole training set, for 10 epochs.

Source: DeepCrime's "change batch size" and "reduce epochs"; DeepFD's epoch faults.
Fails: 10 steps of NAdam 0.001 are all the training there is. Fixed: batches of 16 (500 steps) at 0.003.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("too-few-steps",)
PASSES = "test accuracy >= 0.9"


def walks():
    rng = np.random.RandomState(33)
    up = rng.randint(2, size=1000)
    steps = 0.3 * rng.randn(1000, 15, 2)
    steps[:, :, 0] += np.where(up == 1, 0.25, -0.25)[:, None]
    steps[:, :, 1] += 0.1
    x, y = torch.tensor(steps, dtype=torch.float32), torch.tensor(up).float()[:, None]
    turn = torch.tensor(rng.randint(2, size=1000) * 2.0 - 1, dtype=torch.float32)
    x[:, :, 0] *= turn[:, None]  # the first coordinate alone says nothing; its sign times the mark does
    x[:, 0, 1] = turn
    return (x[:800], y[:800]), (x[800:], y[800:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 24, batch_first=True)
        self.head = nn.Linear(24, 1)
        for name, p in self.named_parameters():
            if p.ndim == 1:
                nn.init.zeros_(p)
            elif "hh" in name:
                nn.init.orthogonal_(p)
            else:
                nn.init.xavier_uniform_(p)

    def forward(self, x):
        return self.head(self.gru(x)[0].mean(1))


def make(batch_size, lr):
    model = Net()
    train, test = walks()
    nadam = torch.optim.NAdam(model.parameters(), lr=lr)
    return Setup(model, nn.BCEWithLogitsLoss(), nadam, train, batch_size=batch_size, epochs=10, validation=test)


def setup():
    return make(800, 1e-3)


def fixed():
    return make(16, 3e-3)
