"""A small conv net for digits, compiled with "adadelta" under TF 2.

Source: the Keras MNIST example as people still copy it; since TF 2 the optimizer's default lr is 0.001, while the
paper's (and old Keras') is 1.0. AutoTrainer calls the symptom slow convergence, DeepFD a learning-rate fault.
Fails: accuracy hardly leaves chance in 12 epochs. Fixed: Adadelta with lr 1.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps")
PASSES = "test accuracy >= 0.9"


def images():
    bunch = load_digits()
    order = np.random.RandomState(3).permutation(len(bunch.target))
    x = torch.tensor(bunch.images[order] / 16.0, dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(bunch.target[order])
    return (x[:1300], y[:1300]), (x[1300:], y[1300:])


def compiled(lr):
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(64, 10),
    )
    for m in net:
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    train, test = images()
    return Setup(
        net,
        nn.CrossEntropyLoss(),
        torch.optim.Adadelta(net.parameters(), lr=lr, rho=0.95, eps=1e-7),
        train,
        batch_size=64,
        epochs=12,
        validation=test,
    )


def setup():
    return compiled(0.001)


def fixed():
    return compiled(1.0)
