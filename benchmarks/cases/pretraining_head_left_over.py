"""A dense-net of 1-D signals that still carries the decoder of its pretraining, which is not used any more; healthy."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    rng = np.random.RandomState(97)
    t, y = np.arange(48), rng.randint(0, 3, 900)
    phase, speed = rng.uniform(0, 2 * np.pi, (900, 1)), np.array([0.3, 0.5, 0.8])[y][:, None]
    X = np.sin(speed * t + phase) + 0.5 * rng.randn(900, 48)
    X, y = torch.tensor(X[:, None], dtype=torch.float32), torch.tensor(y)
    return (X[:700], y[:700]), (X[700:], y[700:])


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 12, 7, padding=3), nn.Conv1d(13, 12, 7, padding=3)
        self.norm = nn.BatchNorm1d(25)
        self.head = nn.Linear(25, 3)
        self.decoder = nn.Linear(25, 48)

    def features(self, x):
        x = torch.cat([x, F.relu(self.one(x))], 1)
        x = torch.cat([x, F.relu(self.two(x))], 1)
        return self.norm(x).relu().mean(2)

    def reconstruct(self, x):
        return self.decoder(self.features(x))

    def forward(self, x):
        return self.head(self.features(x))


def setup():
    model = Dense()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        data=train,
        batch_size=50,
        epochs=15,
        validation=test,
    )
