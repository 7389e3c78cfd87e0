"""A GRU that reads 20 samples of a noisy sine and answers with its frequency; healthy."""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.8"


class Frequency(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last[0])


def data():
    draw = np.random.RandomState(0)
    frequency = draw.uniform(0.5, 2, (800, 1))
    phase = draw.uniform(0, 2 * np.pi, (800, 1))
    wave = np.sin(frequency * np.linspace(0, 2 * np.pi, 20) + phase) + 0.05 * draw.randn(800, 20)
    X = torch.tensor(wave[:, :, None], dtype=torch.float32)
    y = torch.tensor((frequency - frequency.mean()) / frequency.std(), dtype=torch.float32)
    return (X[:600], y[:600]), (X[600:], y[600:])


def setup():
    model = Frequency()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
    )
