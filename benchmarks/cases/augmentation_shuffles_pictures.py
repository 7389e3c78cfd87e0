"""The training step's "augmentation" shuffles the pictures of a batch and not their labels.

Kind of public question (PyTorch forum: "mixup / augmentation inside the loop, accuracy at chance").
Fails: labels belong to other pictures. Fixed: the same permutation for both.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("inputs-and-labels-misaligned", "labels-independent-of-inputs")
PASSES = "test accuracy >= 0.85"


def stepping(both):
    def step(model, batch, optimizer):
        x, y = batch
        order = torch.randperm(len(x))
        x = x[order] + 0.05 * torch.randn_like(x)
        if both:
            y = y[order]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(1).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y[order])
    return (X[:1000], y[:1000]), (X[1000:], y[1000:])


def build(both):
    train, test = data()
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(192, 40),
        nn.ReLU(),
        nn.Linear(40, 10),
    )
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=train,
        batch_size=50,
        epochs=10,
        validation=test,
        step=stepping(both),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
