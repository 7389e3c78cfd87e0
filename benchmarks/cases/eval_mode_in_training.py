"""The step evaluates before it trains and never goes back to training mode; batch norm was to scale the inputs.

Fails: in eval mode batch norm divides by a standard deviation of 1. Fixed: model.train() before the training pass.
"""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

from trainability import Setup

CAUSES = ("eval-mode-in-training", "unscaled-inputs", "lr-too-high")
PASSES = "test accuracy >= 0.9"


def data():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order], dtype=torch.float32), torch.tensor(y[order], dtype=torch.float32)[:, None]
    return (X[:450], y[:450]), (X[450:], y[450:])


def monitored_step(model, batch, optimizer):
    x, y = batch
    model.eval()
    with torch.no_grad():
        ((model(x) > 0) == (y > 0.5)).float().mean()
    return descend(model, batch, optimizer)


def monitored_step_back_in_training_mode(model, batch, optimizer):
    x, y = batch
    model.eval()
    with torch.no_grad():
        ((model(x) > 0) == (y > 0.5)).float().mean()
    model.train()
    return descend(model, batch, optimizer)


def descend(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def build(step):
    model = nn.Sequential(nn.BatchNorm1d(30), nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data=train,
        batch_size=32,
        epochs=30,
        validation=test,
        step=step,
    )


def setup():
    return build(monitored_step)


def fixed():
    return build(monitored_step_back_in_training_mode)
