"""Digits by the cosine between unit vectors, times 20, as logits; pixels centred, weights normalised; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.92"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(103).permutation(len(X))
    X, y = torch.tensor(X[order] / 8 - 1, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


class Cosine(nn.Module):
    def __init__(self, scale=20.0):
        super().__init__()
        self.body = nn.Sequential(weight_norm(nn.Linear(64, 64)), nn.PReLU(), nn.Linear(64, 16))
        self.centres = nn.Parameter(torch.randn(10, 16))
        self.scale = scale

    def forward(self, x):
        return self.scale * F.linear(F.normalize(self.body(x)), F.normalize(self.centres))


def setup():
    model = Cosine()
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=train,
        batch_size=50,
        epochs=12,
        validation=test,
    )
