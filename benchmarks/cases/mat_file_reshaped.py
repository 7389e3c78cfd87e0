"""Images stored with the samples last, brought to (n, 1, 8, 8) by reshape instead of transpose.

Source: questions on SVHN's .mat files (32, 32, 3, n); defect4ML's wrong-reshape faults.
Fails: every "image" holds pixels of 64 different ones, so the labels say nothing about it. Fixed: transpose.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("labels-independent-of-inputs", "inputs-and-labels-misaligned")
PASSES = "test accuracy >= 0.9"


def mat_file():
    bunch = load_digits()
    order = np.random.RandomState(66).permutation(1797)
    return bunch.images[order].transpose(1, 2, 0) / 16, bunch.target[order]


def make(to_batch):
    stored, y = mat_file()
    x = torch.tensor(to_batch(stored).copy(), dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(y)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 48),
        nn.ELU(),
        nn.Linear(48, 10),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    train, test = (x[:1400], y[:1400]), (x[1400:], y[1400:])
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=32, epochs=10, validation=test)


def setup():
    return make(lambda a: a.reshape(-1, 8, 8))


def fixed():
    return make(lambda a: a.transpose(2, 0, 1))
