"""The step computes a Huber loss by hand from a column of outputs and a flat row of targets.

Kind of public question (PyTorch forum: UserWarning "Using a target size that is different to the input size").
Fails: (N, 1) against (N,) becomes (N, N), the best answer is the median. Fixed: squeeze the outputs.
"""

import numpy as np
import torch
from torch import nn

from trainability import Setup

CAUSES = ("broadcast-loss",)
PASSES = "test r2 >= 0.6"


def flat_loss(output, target):
    return nn.functional.smooth_l1_loss(output.reshape(-1), target)


def stepping(flat):
    def step(model, batch, optimizer):
        x, y = batch
        out = model(x)
        if flat:
            out = out.squeeze(1)
        error = (out - y).abs()
        loss = torch.where(error < 1, 0.5 * error**2, error - 0.5).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def data():
    r = np.random.RandomState(71)
    X = r.uniform(-1, 1, (500, 5))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] * 1.5 + X[:, 3] ** 2 - 0.8 * X[:, 4] + r.normal(0, 0.1, 500)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
    return (X[:380], y[:380]), (X[380:], y[380:])


def build(flat):
    train, test = data()
    model = nn.Sequential(nn.Linear(5, 50), nn.SiLU(), nn.Linear(50, 50), nn.SiLU(), nn.Linear(50, 1))
    return Setup(
        model=model,
        loss_fn=flat_loss,
        optimizer=torch.optim.AdamW(model.parameters(), lr=3e-3),
        data=train,
        batch_size=38,
        epochs=40,
        validation=test,
        step=stepping(flat),
    )


def setup():
    return build(False)


def fixed():
    return build(True)
