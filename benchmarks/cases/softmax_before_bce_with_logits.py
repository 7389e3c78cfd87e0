"""A softmax over rows in front of BCEWithLogitsLoss, fitting the 3 x 3 identity from one input.

Fails: the loss cannot fall below (ln(1 + 1/e) + 2 ln 2) / 3 = .5665. Fixed: no softmax in the network.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("sigmoid-before-bce-with-logits", "softmax-before-cross-entropy", "output-range")
PASSES = "train loss <= 0.1"


def data():
    X = torch.tensor(np.random.RandomState(0).randn(1, 30), dtype=torch.float32)
    return X, torch.eye(3)[None]


def build(*output_activation):
    model = nn.Sequential(
        nn.Linear(30, 20),
        nn.LeakyReLU(),
        nn.Linear(20, 9),
        nn.LeakyReLU(),
        nn.Unflatten(1, (3, 3)),
        *output_activation,
    )
    return Setup(
        model=model,
        loss_fn=nn.BCEWithLogitsLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        data=data(),
        batch_size=1,
        epochs=4000,
    )


def setup():
    return build(nn.Softmax(dim=2))


def fixed():
    return build()
