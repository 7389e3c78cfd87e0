"""A ReLU recurrent network over 40 steps with every weight drawn from N(0, 1).

Fails: each step multiplies the state by about 4, and the loss overflows.
Fixed: an orthogonal recurrent matrix.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("exploding-gradient", "initial-scale-too-large")
PASSES = "train r2 >= 0.8"


class LastState(nn.Module):
    """Reads a sequence and answers from its last state."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.head(states[:, -1])


def data():
    X = np.random.RandomState(0).rand(500, 40, 1)
    y = X.sum(1)
    y = (y - y.mean()) / y.std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def build(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=32, epochs=40)


def setup():
    model = LastState()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return build(model)


def fixed():
    model = LastState()
    nn.init.xavier_uniform_(model.rnn.weight_ih_l0)
    nn.init.orthogonal_(model.rnn.weight_hh_l0)
    return build(model)
