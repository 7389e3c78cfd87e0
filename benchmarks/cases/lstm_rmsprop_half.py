"""An LSTM with RMSprop at lr 0.5.

Source: AutoTrainer's oscillating loss, DeepFD's lr faults on recurrent programs.
Fails: the loss jumps about and the cells saturate. Fixed: RMSprop at Keras' default 0.001 times 5.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-high", "oscillation", "saturated-units", "saturated-softmax", "exploding-gradient")
PASSES = "test accuracy >= 0.9"


def waves():
    rng = np.random.RandomState(40)
    kind = rng.randint(3, size=900)
    t = np.arange(24) / 24
    phase = rng.rand(900, 1)
    shape = t * 2 + phase
    sine = np.sin(2 * np.pi * shape)
    square = np.sign(sine)
    saw = 2 * (shape % 1) - 1
    x = np.choose(kind[:, None], [sine, square, saw]) + 0.1 * rng.randn(900, 24)
    x, y = torch.tensor(x, dtype=torch.float32)[:, :, None], torch.tensor(kind)
    return (x[:700], y[:700]), (x[700:], y[700:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.out = nn.Linear(32, 3)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        with torch.no_grad():
            self.lstm.bias_ih_l0[32:64] = 1.0
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def make(lr):
    train, test = waves()
    model = Net()
    rmsprop = torch.optim.RMSprop(model.parameters(), lr=lr, alpha=0.9, eps=1e-7)
    return Setup(model, nn.CrossEntropyLoss(), rmsprop, train, batch_size=32, epochs=15, validation=test)


def setup():
    return make(0.5)


def fixed():
    return make(0.005)
