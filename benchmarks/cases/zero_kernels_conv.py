"""A tanh conv net whose kernels all start at zero.

Source: DeepCrime's weight-initialisation mutants (kernel_initializer="zeros"), here on the convolutions and the
dense layers alike.
Fails: only the last biases ever get a gradient. Fixed: Glorot uniform.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = (
    "symmetric-units",
    "initial-scale-too-small",
    "gradient-never-arrives",
    "vanishing-gradient",
    "constant-output",
)
PASSES = "test accuracy >= 0.9"


def data():
    bunch = load_digits()
    order = np.random.RandomState(23).permutation(1797)
    x = torch.tensor(bunch.images[order] / 8 - 1, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return (x[:1300], y[:1300]), (x[1300:], y[1300:])


def make(initializer):
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.Tanh(),
        nn.Conv2d(8, 16, 3),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    for p in model.parameters():
        initializer(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = data()
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    return Setup(model, nn.CrossEntropyLoss(), sgd, train, batch_size=50, epochs=12, validation=test)


def setup():
    return make(nn.init.zeros_)


def fixed():
    return make(nn.init.xavier_uniform_)
