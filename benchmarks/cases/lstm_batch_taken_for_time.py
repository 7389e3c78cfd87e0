"""An LSTM without batch_first is given (batch, time, feature).

Source: a public question (PyTorch forum 62364) about a recurrent classifier that does not learn.
Fails: the layer reads the batch as time, so the output at the last position has seen one step of each sequence, and
other samples. Fixed: batch_first=True.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("samples-mixed-in-batch", "inputs-and-labels-misaligned")
PASSES = "test accuracy >= 0.85"


class Classifier(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.lstm = nn.LSTM(2, 24, batch_first=batch_first)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def build(batch_first):
    random = np.random.RandomState(2)
    y = random.randint(0, 3, 900)
    t = np.arange(16) / 16
    phase = random.uniform(0, 2 * np.pi, (900, 1))
    angle = 2 * np.pi * (1 + 1.5 * y[:, None]) * t + phase
    X = np.stack([np.sin(angle), np.cos(angle)], 2) + random.normal(0, 0.1, (900, 16, 2))
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    model = Classifier(batch_first)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X[:700], y[:700]),
        batch_size=25,
        epochs=20,
        validation=(X[700:], y[700:]),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
