"""A variational autoencoder whose KL term is summed and whose reconstruction error is averaged.

Fails: the squared error is a mean over pixels and batch, the divergence a sum over both, and the step adds the two, so
the code carries nothing and every input gets the same average picture. Fixed: both averaged alike.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ("regulariser-dominates", "constant-output", "loss-does-not-fit-the-task")
PASSES = "train r2 >= 0.35"


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(64, 8), nn.Linear(64, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def encode(self, x):
        hidden = self.encoder(x)
        return self.mean(hidden), self.log_variance(hidden)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(mean)


def step_with(weight):
    def step(model, batch, optimizer):
        x, _ = batch
        optimizer.zero_grad()
        mean, log_variance = model.encode(x)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
        loss = nn.functional.mse_loss(model.decoder(code), x) + weight * divergence
        loss.backward()
        optimizer.step()
        return loss

    return step


def build(weight):
    X = load_digits().data[np.random.RandomState(1).permutation(1797)[:1200]]
    X = torch.tensor(X / 16, dtype=torch.float32)
    model = VAE()
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=(X, X),
        batch_size=32,
        epochs=25,
        step=step_with(weight),
    )


def setup():
    return build(1.0)


def fixed():
    return build(0.02 / (32 * 64))
