"""XOR with a linear layer, two ReLU units and a ReLU on the output; two faults at once.

Source: a public question (Cross Validated 433365) about a Keras network for XOR whose loss stays at the level of a
constant answer. The first layer has no activation, the output is a ReLU under MSE, and SGD 0.01 has few steps.
Fixed as the answers say: a non-linear hidden layer, a logit with binary cross-entropy, more steps.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = (
    "relu-on-output",
    "dying-relu",
    "relu-cannot-cross",
    "too-few-steps",
    "lr-too-low",
    "no-nonlinearity",
    "loss-does-not-fit-the-task",
)
PASSES = "train accuracy >= 0.99"


def data():
    bits = np.random.RandomState(0).randint(0, 2, (2000, 2))
    return torch.tensor(bits, dtype=torch.float32), torch.tensor(bits[:, :1] ^ bits[:, 1:], dtype=torch.float32)


def setup():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        data=data(),
        batch_size=32,
        epochs=10,
    )


def fixed():
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01),
        data=data(),
        batch_size=32,
        epochs=10,
    )
