"""The validation folders are numbered in another order than the training folders.

Source: questions on Keras' flow_from_directory (class names sorted alphabetically for one split: eight, five, four,
..., by number for the other); UMLAUT's wrong-split faults, DeepCrime's changed labels.
Fails: training is perfect, validation accuracy is about 0.1. Fixed: one numbering for both.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("train-and-validation-differ", "inputs-and-labels-misaligned")
PASSES = "test accuracy >= 0.9"

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def folders(same):
    bunch = load_digits()
    order = np.random.RandomState(17).permutation(1797)
    x = torch.tensor(bunch.images[order] / 16, dtype=torch.float32)[:, None]
    digit = bunch.target[order]
    alphabetical = np.array([sorted(NAMES).index(name) for name in NAMES])
    y = torch.tensor(digit)
    y_validation = y if same else torch.tensor(alphabetical[digit])
    return (x[:1400], y[:1400]), (x[1400:], y_validation[1400:])


def make(same):
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    train, validation = folders(same)
    adam = torch.optim.Adam(model.parameters(), lr=2e-3)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=32, epochs=6, validation=validation)


def setup():
    return make(False)


def fixed():
    return make(True)
