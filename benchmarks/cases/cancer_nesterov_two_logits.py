"""Breast cancer with two logits, Nesterov SGD with weight decay and dropout, standardised columns; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test accuracy >= 0.9"


def setup():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(206).permutation(len(X))
    X, y = X[order], torch.tensor(y[order])
    X = (X - X[:400].mean(0)) / X[:400].std(0)
    X = torch.tensor(X, dtype=torch.float32)
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2))
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
        data=(X[:400], y[:400]),
        batch_size=16,
        epochs=20,
        validation=(X[400:], y[400:]),
    )
