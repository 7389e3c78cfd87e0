"""A last layer without a sigmoid under a binary cross-entropy that clips, on raw breast-cancer measurements.

Two faults: no sigmoid (alone: 0.87 to 0.90), and columns that reach thousands (alone: passes four times in five).
Fails: the output is taken for a probability and clipped to [1e-7, 1 - 1e-7]; nearly every one starts far outside, where
there is no gradient, and stays there. Fixed: sigmoid and standardised columns.
"""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = (
    "log-of-unnormalised-output",
    "output-range",
    "loss-does-not-fit-the-task",
    "unscaled-inputs",
    "gradient-never-arrives",
    "saturated-output",
)
PASSES = "test accuracy >= 0.9"


def keras_bce(output, target):
    p = output.clamp(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).mean()


def tumours(standardise):
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(4).permutation(len(y))
    x, y = x[order], y[order]
    if standardise:
        x = (x - x[:420].mean(0)) / x[:420].std(0)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1)
    return (x[:420], y[:420]), (x[420:], y[420:])


def make(standardise, *last):
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1), *last)
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    train, test = tumours(standardise)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    return Setup(model, keras_bce, adam, train, batch_size=32, epochs=40, validation=test)


def setup():
    return make(False)


def fixed():
    return make(True, nn.Sigmoid())
