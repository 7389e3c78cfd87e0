"""Batch normalisation with momentum 0.001, and some ninety steps.

Source: a public question about a network with batch normalisation that is good in
training and at chance in validation: the moving averages (Keras momentum 0.999, PyTorch 0.001) have hardly left
their start when training ends. Fixed: PyTorch's default 0.1.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("batchnorm-averages-lag", "train-and-validation-differ", "unscaled-inputs", "too-few-steps")
PASSES = "test accuracy >= 0.88"


def build(momentum):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    X, y = X[order], y[order]
    model = nn.Sequential(
        nn.BatchNorm1d(30, momentum=momentum),
        nn.Linear(30, 32),
        nn.BatchNorm1d(32, momentum=momentum),
        nn.ReLU(),
        nn.Linear(32, 2),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(X[:448], y[:448]),
        batch_size=32,
        epochs=7,
        validation=(X[448:], y[448:]),
    )


def setup():
    return build(0.001)


def fixed():
    return build(0.1)
