"""An autoencoder and a classifier that reads its code without disturbing it: the code is detached on purpose; healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "train loss <= 0.45"


class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 20))
        self.decoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64))
        self.probe = nn.Linear(20, 10)

    def forward(self, x):
        code = self.encoder(x)
        return torch.cat([self.decoder(code), self.probe(code.detach())], 1)


def both(output, y):
    return F.mse_loss(output[:, :64], y[:, :64]) + F.cross_entropy(output[:, 64:], y[:, 64].long())


def setup():
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    model = Probe()
    return Setup(
        model=model,
        loss_fn=both,
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(X, torch.cat([X, y[:, None]], 1)),
        batch_size=50,
        epochs=30,
    )
