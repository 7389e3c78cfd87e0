"""An autoencoder of two modules; the optimizer was given the decoder's parameters only.

Kind of public question (PyTorch forum: "optimizer with two networks": Adam(decoder.parameters())).
Fails: the encoder, a narrow ReLU one, stays at its random start. Fixed: the whole model's parameters.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("parameters-not-in-optimizer", "frozen-parameters")
PASSES = "test r2 >= 0.5"


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def build(which):
    X, _ = load_digits(return_X_y=True)
    X = torch.tensor(X[np.random.RandomState(4).permutation(len(X))] / 16, dtype=torch.float32)
    model = Autoencoder()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(which(model).parameters(), lr=3e-3),
        data=(X[:1200], X[:1200]),
        batch_size=40,
        epochs=20,
        validation=(X[1200:], X[1200:]),
    )


def setup():
    return build(lambda model: model.decoder)


def fixed():
    return build(lambda model: model)
