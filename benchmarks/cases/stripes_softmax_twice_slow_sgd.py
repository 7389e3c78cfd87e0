"""A small conv net on striped pictures: Softmax as its last layer under CrossEntropyLoss, and SGD at 1e-3.

Kind of public question (PyTorch forum: "loss stuck at 1.38, four classes"): a Keras model carried over with its softmax.
Fails: two faults, softmax twice and a rate far too low for plain SGD. Fixed: no softmax, SGD .1.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("softmax-before-cross-entropy", "lr-too-low", "too-few-steps", "bounded-logits")
PASSES = "test loss <= 0.5"


def data():
    r = np.random.RandomState(21)
    y = r.randint(0, 4, 800)
    i, j = np.mgrid[0:12, 0:12]
    waves = [i, j, i + j, i - j]
    X = np.stack([np.sin(waves[c] * 1.3 + r.uniform(0, 6.28)) + r.normal(0, 0.5, (12, 12)) for c in y])
    X, y = torch.tensor(X, dtype=torch.float32)[:, None], torch.tensor(y)
    return (X[:600], y[:600]), (X[600:], y[600:])


def build(softmax, lr):
    train, test = data()
    layers = [
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(200, 32),
        nn.ReLU(),
        nn.Linear(32, 4),
    ]
    model = nn.Sequential(*layers, nn.Softmax(dim=1)) if softmax else nn.Sequential(*layers)
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
    )


def setup():
    return build(True, 1e-3)


def fixed():
    return build(False, 0.1)
