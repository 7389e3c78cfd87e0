"""Softmax as the activation of the hidden layers too.

Source: SO programs in the NeuraLint and DeepDiagnosis collections where every Dense has activation="softmax".
Fails: a hidden softmax over 64 units carries values near 1/64 and passes on next to no gradient. Fixed: ReLU.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("softmax-in-hidden-layer", "vanishing-gradient", "rank-collapse")
PASSES = "test accuracy >= 0.85"


def data():
    x, y = load_digits(return_X_y=True)
    order = np.random.RandomState(13).permutation(len(y))
    x, y = torch.tensor(x[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (x[:1300], y[:1300]), (x[1300:], y[1300:])


def make(hidden):
    model = nn.Sequential(nn.Linear(64, 64), hidden(), nn.Linear(64, 64), hidden(), nn.Linear(64, 10))
    for m in model[::2]:
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)
    train, test = data()
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return Setup(model, nn.CrossEntropyLoss(), sgd, train, batch_size=32, epochs=12, validation=test)


def setup():
    return make(lambda: nn.Softmax(dim=-1))


def fixed():
    return make(nn.ReLU)
