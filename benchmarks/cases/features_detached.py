"""The features are computed under torch.no_grad() in the step, so that only the last layer gets a gradient.

Fails: the last layer sees what six random layers leave of the input. Fixed: the whole network with gradients.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("gradient-never-arrives",)
PASSES = "test accuracy >= 0.8"


def data():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = torch.tensor(X[order] / 16, dtype=torch.float32), torch.tensor(y[order])
    return (X[:1400], y[:1400]), (X[1400:], y[1400:])


def step_on_the_last_layer(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    with torch.no_grad():
        features = model[:-1](x)
    loss = nn.functional.cross_entropy(model[-1](features), y)
    loss.backward()
    optimizer.step()
    return loss


def step(model, batch, optimizer):
    x, y = batch
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def build(step):
    layers = [nn.Linear(64, 64)]
    for _ in range(5):
        layers += [nn.ReLU(), nn.Linear(64, 64)]
    model = nn.Sequential(*layers, nn.ReLU(), nn.Linear(64, 10))
    train, test = data()
    return Setup(
        model=model,
        loss_fn=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        data=train,
        batch_size=32,
        epochs=15,
        validation=test,
        step=step,
    )


def setup():
    return build(step_on_the_last_layer)


def fixed():
    return build(step)
