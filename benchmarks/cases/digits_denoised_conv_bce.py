"""A conv autoencoder takes the noise off digits, sigmoid pixels under BCELoss, Adam; healthy."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "test r2 >= 0.6"


def setup():
    X, _ = load_digits(return_X_y=True)
    r = np.random.RandomState(211)
    clean = X[r.permutation(len(X))[:900]].reshape(-1, 1, 8, 8) / 16
    noisy = clean + r.normal(0, 0.25, clean.shape)
    clean, noisy = torch.tensor(clean, dtype=torch.float32), torch.tensor(noisy, dtype=torch.float32)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(),
        nn.ConvTranspose2d(24, 16, 2, stride=2), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid(),
    )  # fmt: skip
    return Setup(
        model=model,
        loss_fn=nn.BCELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        data=(noisy[:700], clean[:700]),
        batch_size=25,
        epochs=15,
        validation=(noisy[700:], clean[700:]),
    )
