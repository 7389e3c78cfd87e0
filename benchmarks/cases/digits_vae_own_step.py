"""A variational autoencoder of the digits; its step adds the Kullback-Leibler term to the reconstruction; healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.5"


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 24))
        self.decoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def code(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var

    def forward(self, x):
        mean, log_var = self.code(x)
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        return self.decoder(mean)


def reconstruction(output, x):
    return ((output - x) ** 2).sum(1).mean()


def step(model, batch, optimizer):
    x, y = batch
    mean, log_var = model.code(x)
    z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    divergence = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1).mean()
    loss = reconstruction(model.decoder(z), y) + 0.1 * divergence
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def setup():
    X = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    model = VAE()
    return Setup(
        model=model,
        loss_fn=reconstruction,
        optimizer=torch.optim.Adam(model.parameters(), lr=2e-3),
        data=(X, X),
        batch_size=64,
        epochs=40,
        step=step,
    )
