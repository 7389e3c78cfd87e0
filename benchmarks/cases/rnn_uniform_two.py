"""A plain tanh RNN whose every weight starts uniform in -2..2; it is to name the class of the sequence's mean level.

Kind of public question (Stack Overflow, RNN written by hand with np.random.uniform weights: "loss does not go down").
Fails: two faults, state saturated at +-1 and Adam at 1e-5. Fixed: PyTorch's own initial weights, Adam 2e-3.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("initial-scale-too-large", "saturated-units", "exploding-gradient", "lr-too-low", "too-few-steps")
PASSES = "test accuracy >= 0.8"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 32, batch_first=True)
        self.out = nn.Linear(32, 4)

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h[:, -1])


def data():
    r = np.random.RandomState(91)
    y = r.randint(0, 4, 700)
    centre = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-0.7, -0.7, -0.7]])[y] * 0.6
    X = centre[:, None] + r.normal(0, 0.9, (700, 16, 3))
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    return (X[:550], y[:550]), (X[550:], y[550:])


def build(wide):
    train, test = data()
    model = Net()
    if wide:
        for p in model.parameters():
            nn.init.uniform_(p, -2, 2)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-5 if wide else 2e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(True)


def fixed():
    return build(False)
