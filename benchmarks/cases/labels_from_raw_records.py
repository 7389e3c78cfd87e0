"""Four yes-or-no labels from raw records (age, income, ...), tanh layers, RMSprop.

Source: the "unscaled data" and "saturated activation" faults of DeepLocalize and DeepDiagnosis, in a multi-label form.
Fails: the income, in tens of thousands, drives every tanh to its ends. Fixed: standardised columns.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("unscaled-inputs", "saturated-units", "vanishing-gradient", "rank-collapse")
PASSES = "test accuracy >= 0.85"


def records():
    rng = np.random.RandomState(80)
    z = rng.randn(1500, 5)
    age, income, rooms, visits, score = z.T
    raw = np.stack([42 + 12 * age, 38_000 + 9_000 * income, 3.5 + rooms, 12 + 4 * visits, 610 + 70 * score], axis=1)
    y = np.stack([age + rooms > 0, rooms - score > 0, visits > income, visits + score - age > 0], axis=1)
    return torch.tensor(raw, dtype=torch.float32), torch.tensor(y).float()


def make(standardise):
    x, y = records()
    if standardise:
        x = (x - x[:1200].mean(0)) / x[:1200].std(0)
    model = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4), nn.Sigmoid())
    for p in model.parameters():
        nn.init.xavier_uniform_(p) if p.ndim > 1 else nn.init.zeros_(p)
    rmsprop = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    return Setup(
        model, nn.BCELoss(), rmsprop, (x[:1200], y[:1200]), batch_size=32, epochs=20, validation=(x[1200:], y[1200:])
    )


def setup():
    return make(False)


def fixed():
    return make(True)
