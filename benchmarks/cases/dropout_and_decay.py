"""Against feared overfitting: Dropout .8 behind every layer and weight_decay .05 in Adam, on digits.

Kind of public question (Stack Overflow: "I added regularisation and now the network predicts one class only").
Fails: two faults, both too strong. Fixed: Dropout .2, weight_decay 1e-4.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("dropout-too-heavy", "regulariser-dominates")
PASSES = "test accuracy >= 0.85"


def build(p, decay):
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(6).permutation(len(X))
    X = torch.tensor((X[order] - 8) / 8, dtype=torch.float32)
    y = torch.tensor(y[order])
    layers = []
    for a, b in [(64, 48), (48, 48), (48, 48)]:
        layers += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(p)]
    model = nn.Sequential(*layers, nn.Linear(48, 10))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=decay),
        data=(X[:1200], y[:1200]),
        batch_size=40,
        epochs=15,
        validation=(X[1200:], y[1200:]),
    )


def setup():
    return build(0.8, 0.05)


def fixed():
    return build(0.2, 1e-4)
