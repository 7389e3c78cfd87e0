"""A plain conv net on grey values 0..255, SGD with momentum.

Source: UMLAUT's "input out of range" fault and SO questions on MNIST without `/ 255`; NeuraLint and DeepDiagnosis
have the same for CIFAR. Two faults together: raw pixels, and lr 0.05 with momentum 0.9,
too high for them (1e-4 alone reaches 0.54 to 0.88).
Fails: loss explodes at once, then all ReLUs are off and the answer is constant. Fixed: pixels / 255.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = (
    "unscaled-inputs",
    "lr-too-high",
    "dying-relu",
    "exploding-gradient",
    "exploding-activation",
    "saturated-softmax",
)
PASSES = "test accuracy >= 0.9"


def load(scale):
    bunch = load_digits()
    order = np.random.RandomState(21).permutation(1797)
    grey = np.round(bunch.images[order] * 255 / 16)
    x = torch.tensor(grey * scale, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(scale):
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 10),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = load(scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return Setup(model, nn.CrossEntropyLoss(), optimizer, train, batch_size=32, epochs=6, validation=test)


def setup():
    return make(1.0)


def fixed():
    return make(1 / 255)
