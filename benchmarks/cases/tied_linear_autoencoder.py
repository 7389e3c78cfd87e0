"""A linear autoencoder with tied weights: twelve principal directions of the digits, no non-linearity; healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.7"


class Tied(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(k, d))
        nn.init.orthogonal_(self.weight)
        self.shift = nn.Parameter(torch.zeros(d))

    def forward(self, x):
        return F.linear(F.linear(x - self.shift, self.weight), self.weight.t()) + self.shift


def setup():
    X = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    model = Tied(64, 12)
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X, X),
        batch_size=100,
        epochs=40,
    )
