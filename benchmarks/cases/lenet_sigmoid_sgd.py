"""LeNet with sigmoids and plain SGD 0.01.

Source: AutoTrainer's vanishing-gradient cases on MNIST and CIFAR, where the activation of a conv net is exchanged.
Two faults: four sigmoid layers, and a learning rate that is too low for what gradient is left.
Fails: stays at ln 10; neither ReLU alone nor a higher lr alone is enough. Fixed: ReLU and lr 0.05 with momentum 0.9.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("vanishing-gradient", "lr-too-low", "too-few-steps", "rank-collapse", "initial-scale-too-small")
PASSES = "test accuracy >= 0.9"


def data():
    bunch = load_digits()
    order = np.random.RandomState(28).permutation(1797)
    x = torch.tensor(bunch.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target[order])
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def make(activation, **sgd):
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        activation(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 3, padding=1),
        activation(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 60),
        activation(),
        nn.Linear(60, 40),
        activation(),
        nn.Linear(40, 10),
    )
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = data()
    optimizer = torch.optim.SGD(model.parameters(), **sgd)
    return Setup(model, nn.CrossEntropyLoss(), optimizer, train, batch_size=32, epochs=12, validation=test)


def setup():
    return make(nn.Sigmoid, lr=0.01)


def fixed():
    return make(nn.ReLU, lr=0.05, momentum=0.9)
