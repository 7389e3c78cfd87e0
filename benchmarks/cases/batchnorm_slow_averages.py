"""BatchNormalization(momentum=0.999) in a net that trains for 120 steps.

Source: Keras questions "training accuracy fine, validation accuracy at chance with BatchNormalization"; DeepFD's
hyperparameter faults. Keras' momentum 0.999 is PyTorch's 0.001.
Fails: the running averages are still those of the start when the net is evaluated. Fixed: Keras 0.9, here 0.1.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("batchnorm-averages-lag", "train-and-validation-differ")
PASSES = "test accuracy >= 0.9"


def data():
    bunch = load_digits()
    order = np.random.RandomState(31).permutation(1797)
    x = torch.tensor(bunch.images[order], dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(momentum):
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.BatchNorm2d(12, momentum=momentum, eps=1e-3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.BatchNorm2d(24, momentum=momentum, eps=1e-3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(384, 32),
        nn.BatchNorm1d(32, momentum=momentum, eps=1e-3),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
    for m in model:
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    train, test = data()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, nn.CrossEntropyLoss(), adam, train, batch_size=35, epochs=3, validation=test)


def setup():
    return make(0.001)


def fixed():
    return make(0.1)
