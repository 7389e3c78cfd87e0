"""Softmax on a single output unit: the answer is 1 for every input and no gradient comes back.

Source: Stack Overflow 31880720; DeepLocalize `Benchmark/StackOverflow/31880720`; Defects4ML-068.
Fails: softmax over one unit is the constant 1. Fixed: Sigmoid in its place.
"""

import torch
from torch import nn

from trainability import Setup

CAUSES = ("constant-output", "saturated-softmax", "output-range")
PASSES = "train accuracy >= 0.95"


def data():
    X = torch.cat([torch.ones(1000, 128), torch.zeros(1000, 128)])
    y = torch.cat([torch.ones(1000, 1), torch.zeros(1000, 1)])
    return X, y


def build(output_activation):
    model = nn.Sequential(
        nn.Linear(128, 50),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(50, 50),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(50, 1),
        output_activation,
    )
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
    return Setup(model=model, loss_fn=nn.BCELoss(), optimizer=optimizer, data=data(), batch_size=16, epochs=3)


def setup():
    return build(nn.Softmax(dim=1))


def fixed():
    return build(nn.Sigmoid())
