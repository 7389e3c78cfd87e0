"""Embedding and a bidirectional LSTM with dropout, two classes of short messages, Adam; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.85"


class Tweets(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(80, 20)
        self.lstm = nn.LSTM(20, 20, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.out = nn.Linear(40, 1)

    def forward(self, x):
        h, _ = self.lstm(self.embedding(x))
        return torch.sigmoid(self.out(self.dropout(h.amax(1))))


def data():
    r = np.random.RandomState(203)
    y = (r.uniform(size=700) < 0.35).astype(int)
    X = r.randint(24, 80, (700, 12))
    for row, label in zip(X, y, strict=True):
        for place in r.choice(12, 3, replace=False):
            row[place] = r.randint(0, 12) if label else r.randint(12, 24)
    X, y = torch.tensor(X), torch.tensor(y, dtype=torch.float32)[:, None]
    return (X[:550], y[:550]), (X[550:], y[550:])


def setup():
    train, test = data()
    model = Tweets()
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=train,
        batch_size=32,
        epochs=10,
        validation=test,
    )
