"""Machine failures are 2 of 100 rows in training; the test asks for as many failures as good parts.

Kind of public question (Cross Validated: "98 % accuracy, but it never predicts the rare class").
Fails: imbalance, the answer is always "good". Fixed: pos_weight 49 in the loss.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("class-imbalance", "train-and-validation-differ")
PASSES = "test accuracy >= 0.68"


def draw(r, good, bad):
    shift = np.array([1.1, -0.9, 0.9, 0, 0, 0, 0, 0])
    X = np.concatenate([r.normal(0, 1, (good, 8)), r.normal(0, 1, (bad, 8)) + shift])
    y = np.concatenate([np.zeros(good), np.ones(bad)])
    order = r.permutation(good + bad)
    return torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order], dtype=torch.float32)[:, None]


def build(weight):
    r = np.random.RandomState(81)
    train, test = draw(r, 1470, 30), draw(r, 150, 150)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(pos_weight=weight),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=50,
        epochs=12,
        validation=test,
    )


def setup():
    return build(None)


def fixed():
    return build(torch.tensor(49.0))
