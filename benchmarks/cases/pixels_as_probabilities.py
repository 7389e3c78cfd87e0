"""An autoencoder of grey pixels by cross-entropy, whose floor is their own entropy; a narrow middle layer; healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.6"


def setup():
    X = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    model = nn.Sequential(
        nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid()
    )
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(X, X),
        batch_size=64,
        epochs=30,
    )
