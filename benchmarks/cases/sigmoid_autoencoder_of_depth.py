"""An autoencoder of digits, six hidden sigmoid layers, Adam 3e-3: every reconstruction is the mean picture.

Kind of public question (Stack Overflow: "my deep autoencoder outputs the same image for all inputs").
Fails: gradients vanish through the sigmoids. Fixed: ELU in the hidden layers.
"""

from itertools import pairwise

import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("vanishing-gradient", "rank-collapse", "constant-output", "saturated-units")
PASSES = "train r2 >= 0.4"


def build(activation):
    X, _ = load_digits(return_X_y=True)
    X = torch.tensor(X[:1000] / 16, dtype=torch.float32)
    sizes = [64, 48, 32, 16, 16, 32, 48]
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), activation()]
    model = nn.Sequential(*layers, nn.Linear(48, 64), nn.Sigmoid())
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(X, X),
        batch_size=32,
        epochs=20,
    )


def setup():
    return build(nn.Sigmoid)


def fixed():
    return build(nn.ELU)
