"""A physics-informed net solves u'' = -u, u(0) = 0, u'(0) = 1 from the equation alone; healthy."""

import torch
from torch import nn

from trainability import Setup

CAUSES = ()
PASSES = "train r2 >= 0.95"


def step(model, batch, optimizer):
    t = batch[0].clone().requires_grad_(True)
    u = model(t)
    du = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
    ddu = torch.autograd.grad(du.sum(), t, create_graph=True)[0]
    zero = torch.zeros(1, 1, requires_grad=True)
    start = model(zero)
    slope = torch.autograd.grad(start.sum(), zero, create_graph=True)[0]
    loss = ((ddu + u) ** 2).mean() + 5 * (start**2).mean() + 5 * ((slope - 1) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def setup():
    t = torch.linspace(0, 4, 64)[:, None]
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=5e-3),
        data=(t, torch.sin(t)),
        batch_size=64,
        epochs=1000,
        step=step,
    )
