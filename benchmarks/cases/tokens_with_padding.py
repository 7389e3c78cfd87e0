"""Sentences of unequal length, padded with token 0 (padding_idx), by embedding, 1-D convolution and maximum; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def data():
    rng = np.random.RandomState(23)
    X, y = np.zeros((2000, 16), dtype=int), rng.randint(0, 2, 2000)
    for row in range(2000):
        length = rng.randint(5, 17)
        X[row, :length] = rng.randint(3, 30, length)
        at = rng.randint(0, length - 1)
        X[row, at : at + 2] = (1, 2) if y[row] else (2, 1)  # the order of two words decides
    X, y = torch.tensor(X), torch.tensor(y)
    return (X[:1600], y[:1600]), (X[1600:], y[1600:])


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 16, padding_idx=0)
        self.conv = nn.Conv1d(16, 32, 2)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(torch.relu(self.conv(self.words(x).transpose(1, 2))).amax(2))


def setup():
    model = Text()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3, amsgrad=True),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )
