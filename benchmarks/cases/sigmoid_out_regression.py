"""A sigmoid on the output of a regression whose targets lie between 3 and 103.

Source: Stack Overflow 48221692; BenchDL4Real (reproduced, realistic).
Fails: the network can answer only between 0 and 1. Fixed: linear output, standardised data, Adam.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("output-range",)
PASSES = "train r2 >= 0.8"


def data():
    x = np.arange(-10, 10, 0.1)
    rows = np.random.RandomState(7).permutation(len(x))[:150]
    X = torch.tensor(x[rows, None], dtype=torch.float32)
    return X, X**2 + 3


def network(*output_activation):
    model = nn.Sequential(nn.Linear(1, 5), nn.Sigmoid(), nn.Linear(5, 1), *output_activation)
    for layer in (model[0], model[2]):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


def setup():
    model = network(nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=data(), batch_size=150, epochs=1000)


def fixed():
    X, y = data()
    X, y = (X - X.mean()) / X.std(), (y - y.mean()) / y.std()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    return Setup(model=model, loss_fn=nn.MSELoss(), optimizer=optimizer, data=(X, y), batch_size=150, epochs=1000)
