"""One body, two heads in a dict: which wine, and how much alcohol; the losses are added; healthy."""

import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.nn import functional as F

from trainability import Setup

CAUSES = ()
PASSES = "train loss <= 0.45"


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU())
        self.kind, self.alcohol = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return {"kind": self.kind(h), "alcohol": self.alcohol(h), "features": h}


def joint(output, y):
    return F.cross_entropy(output[:, :3], y[:, 0].long()) + F.mse_loss(output[:, 3], y[:, 1])


def setup():
    X, y = load_wine(return_X_y=True)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    target = torch.stack([torch.tensor(y).float(), X[:, 0]], 1)
    model = TwoHeads()
    return Setup(
        model=model,
        loss_fn=joint,
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(X[:, 1:], target),
        batch_size=32,
        epochs=60,
        output=lambda heads: torch.cat([heads["kind"], heads["alcohol"]], 1),
    )
