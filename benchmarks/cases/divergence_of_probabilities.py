"""Shares of three parties, and KLDivLoss given probabilities instead of their logarithms.

Fails: the loss is negative, and the network answers one class with certainty where shares were wanted. Fixed: the
logarithm of the softmax goes into the loss.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("loss-does-not-fit-the-task", "saturated-softmax")
PASSES = "train r2 >= 0.7"


def build(loss_fn):
    random = np.random.RandomState(16)
    X = random.normal(size=(600, 6))
    z = np.tanh(X @ random.normal(size=(6, 3)))
    y = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(1))
    return Setup(
        model=model,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)),
        batch_size=32,
        epochs=30,
    )


def setup():
    return build(nn.KLDivLoss(reduction="batchmean"))


def fixed():
    return build(lambda p, y: nn.functional.kl_div(p.log(), y, reduction="batchmean"))
