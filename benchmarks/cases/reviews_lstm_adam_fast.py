"""Embedding + LSTM on short reviews of word numbers, Adam at .5.

Kind of public question (Keras imdb LSTM: "val_acc stays at 0.5, whatever the layers").
Fails: the rate; the gates saturate within a few steps. Fixed: Adam 5e-3.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-high", "saturated-units", "oscillation")
PASSES = "test accuracy >= 0.85"


class Reviews(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(60, 16)
        self.lstm = nn.LSTM(16, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return self.out(h[:, -1])


def data():
    r = np.random.RandomState(8)
    y = r.randint(0, 2, 700)
    X = r.randint(20, 60, (700, 15))
    for row, label in zip(X, y, strict=True):
        for place in r.choice(15, 3, replace=False):
            row[place] = r.randint(0, 10) if label else r.randint(10, 20)
    X, y = torch.tensor(X), torch.tensor(y, dtype=torch.float32)[:, None]
    return (X[:550], y[:550]), (X[550:], y[550:])


def build(lr):
    train, test = data()
    model = Reviews()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=lr),
        data=train,
        batch_size=32,
        epochs=12,
        validation=test,
    )


def setup():
    return build(0.5)


def fixed():
    return build(5e-3)
