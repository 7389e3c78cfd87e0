"""A regression step that clips the gradient's norm to .001 before plain SGD .05.

Kind of public question (Stack Overflow: "after I added gradient clipping it no longer learns").
Fails: each step is at most 5e-5 long. Fixed: clip at 5.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

from trainability import Setup

CAUSES = ("lr-too-low", "too-few-steps", "vanishing-gradient")
PASSES = "train r2 >= 0.4"


def stepping(limit):
    def step(model, batch, optimizer):
        x, y = batch
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), limit)
        optimizer.step()
        return loss.item()

    return step


def build(limit):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    model = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 1))
    return Setup(
        model=model,
        loss_fn=nn.MSELoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
        data=(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]),
        batch_size=20,
        epochs=40,
        step=stepping(limit),
    )


def setup():
    return build(1e-3)


def fixed():
    return build(5.0)
