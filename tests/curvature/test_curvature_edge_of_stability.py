"""Gradient descent on a real problem ends where its lr is the stable one: the limit is right where theory says it is met."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from trainability import curvature
from trainability.setup import Setup

LR, STEPS = 0.5, 800


def test_gradient_descent_ends_at_the_edge_of_stability():
    # Cohen, Kaur, Li, Kolter and Talwalkar 2021: full-batch sharpness rises to 2 / lr and stays there.
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images[:300]).float()
    x = (x - x.mean(0)) / (x.std(0) + 1e-8)
    y = nn.functional.one_hot(torch.tensor(labels[:300]), 10).float()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 10))

    def loss_fn(output, target):
        return 0.5 * ((output - target) ** 2).sum(1).mean()

    setup = Setup(model, loss_fn, torch.optim.SGD(model.parameters(), lr=LR), (x, y), batch_size=None)
    shares = []
    start = curvature.measure(setup, with_trace=False).limit.share
    for step in range(STEPS):
        if step >= STEPS // 2 and step % 100 == 0:
            shares.append(curvature.measure(setup, with_trace=False).limit.share)
        setup.optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        setup.optimizer.step()
    assert start < 0.8
    assert sum(shares) / len(shares) == pytest.approx(1.0, abs=0.05)
