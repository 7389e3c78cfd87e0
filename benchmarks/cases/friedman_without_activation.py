"""A regression with four Dense layers and no activation at all.

Source: NeuraLint's and DeepDiagnosis' "missing activation", DeepCrime's "activation removed".
Fails: one linear map, whatever the depth. Fixed: ELU after the hidden layers.
"""

import torch
from sklearn.datasets import make_friedman1
from torch import nn

from trainability import Setup

CAUSES = ("no-nonlinearity",)
PASSES = "test r2 >= 0.85"


def data():
    x, y = make_friedman1(1500, n_features=6, noise=0.3, random_state=14)
    x, y = torch.tensor(x * 2 - 1, dtype=torch.float32), torch.tensor((y - 14.4) / 5, dtype=torch.float32)[:, None]
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def make(activation):
    layers = []
    for a, b in [(6, 64), (64, 64), (64, 32)]:
        layers += [nn.Linear(a, b), activation()]
    model = nn.Sequential(*layers, nn.Linear(32, 1))
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    train, test = data()
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    return Setup(model, nn.MSELoss(), adam, train, batch_size=32, epochs=30, validation=test)


def setup():
    return make(nn.Identity)


def fixed():
    return make(nn.ELU)
