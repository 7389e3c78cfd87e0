"""A 1-D conv net on heartbeats of four shapes, SGD momentum .9 at 1e-5, batches of 300, 6 epochs.

Kind of public question (Cross Validated: "how do I know whether my network needs more epochs?").
Fails: two faults, rate and number of steps both far too small. Fixed: .02 and batches of 16.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps")
PASSES = "test accuracy >= 0.85"


def data():
    r = np.random.RandomState(111)
    y = r.randint(0, 4, 800)
    t = np.linspace(0, 1, 40)
    X = []
    for c in y:
        place, width = r.uniform(0.35, 0.65), [0.04, 0.12, 0.04, 0.12][c]
        beat = np.exp(-((t - place) ** 2) / (2 * width**2)) * (1 if c < 2 else -1)
        X.append(1.5 * beat + r.normal(0, 0.2, 40))
    X, y = torch.tensor(np.array(X), dtype=torch.float32)[:, None], torch.tensor(y)
    return (X[:600], y[:600]), (X[600:], y[600:])


def build(lr, batch_size):
    train, test = data()
    model = nn.Sequential(
        nn.Conv1d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 16, 5),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(112, 4),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9),
        data=train,
        batch_size=batch_size,
        epochs=6,
        validation=test,
    )


def setup():
    return build(1e-5, 300)


def fixed():
    return build(0.02, 16)
