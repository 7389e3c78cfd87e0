"""Images divided by 255 twice: in the generator and again in the script.

Source: UMLAUT's "wrong image range" in the other direction (rescale=1/255 in the ImageDataGenerator on arrays that
were in [0, 1] already).
Fails: pixels up to 0.004 with SGD 0.05 train for nothing (nor with lr 0.5, 3 or 10). Fixed: once.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "vanishing-gradient")
PASSES = "test accuracy >= 0.85"


def data(rescale):
    bunch = load_digits()
    order = np.random.RandomState(44).permutation(1797)
    x = torch.tensor(bunch.images[order] / 16, dtype=torch.float32)[:, None] * rescale
    y = torch.tensor(bunch.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(rescale):
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(144, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = data(rescale)
    sgd = torch.optim.SGD(model.parameters(), lr=0.05)
    return Setup(model, nn.CrossEntropyLoss(), sgd, train, batch_size=32, epochs=12, validation=test)


def setup():
    return make(1 / 255)


def fixed():
    return make(1.0)
