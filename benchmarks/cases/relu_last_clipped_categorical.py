"""ReLU on the class scores under a cross-entropy that divides the scores by their sum and clips the quotient.

Fails: classes whose ReLU is off get no gradient, and a row whose scores are all 0 has no quotient. Fixed: softmax.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = (
    "relu-on-output",
    "log-of-unnormalised-output",
    "loss-does-not-fit-the-task",
    "output-range",
    "dying-relu",
    "relu-cannot-cross",
    "gradient-never-arrives",
)
PASSES = "test accuracy >= 0.9"


def categorical(output, target):
    p = output / output.sum(1, keepdim=True)
    p = p.clamp(1e-7, 1 - 1e-7)
    return -(target * p.log()).sum(1).mean()


def data():
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(8).permutation(len(y))
    x, y = torch.tensor(x[order] / 16, dtype=torch.float32), torch.eye(10)[torch.tensor(y[order])]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(last):
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), last)
    for i in (0, 2):
        nn.init.xavier_uniform_(model[i].weight)
        nn.init.zeros_(model[i].bias)
    train, test = data()
    rmsprop = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    return Setup(model, categorical, rmsprop, train, batch_size=32, epochs=15, validation=test)


def setup():
    return make(nn.ReLU())


def fixed():
    return make(nn.Softmax(dim=1))
