"""Runs of 100 to 300 steps at the default detail: what is dead is found, what is well is left alone."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

import trainability as tr
from trainability.watch.clock import Clock

DIGITS = load_digits()
X, Y = torch.tensor(DIGITS.data / 16).float(), torch.tensor(DIGITS.target)


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


def dead():
    net = mlp()
    nn.init.constant_(net[2].bias, -30.0)
    return net


def zeros():
    net = mlp()
    for p in net.parameters():
        nn.init.zeros_(p)
    return net


def zero_head():
    net = mlp()
    nn.init.zeros_(net[4].weight)
    nn.init.zeros_(net[4].bias)
    return net


def train(net, steps, size, *, lr=0.3, loss_fn=None, loss=F.cross_entropy):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(1)
    with tr.watch(net, optimizer, loss_fn) as w:
        for _ in range(steps):
            i = torch.randint(0, len(X), (size,), generator=generator)
            optimizer.zero_grad()
            loss(net(X[i]), Y[i]).backward()
            optimizer.step()
    assert w.error == ""
    return w


@pytest.mark.parametrize("size", [8, 64])
@pytest.mark.parametrize("steps", [100, 260, 300])
def test_a_dead_layer_is_found_and_a_live_network_is_not(steps, size):
    w = train(dead(), steps, size)
    assert w.findings[0].cause == "dying-relu"
    assert w.findings[0].where == "3"
    for build in (mlp, zero_head):
        assert train(build(), steps, size).findings == ()


def test_weights_of_zero_are_named_for_what_they_are():
    w = train(zeros(), 150, 32)
    assert w.findings[0].cause == "symmetric-units"
    assert w.outcome == "stalled"


def test_a_dead_layer_is_found_where_the_loss_says_nothing():
    """A loss that is made in the model and never told: only the answers are seen."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = dead()

        def forward(self, x):
            return self.net(x)

    net = Own()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with tr.watch(net, optimizer) as w:
        for _ in range(120):
            optimizer.zero_grad()
            grads = torch.autograd.grad(net(X[:16]).square().mean(), list(net.parameters()))
            for p, g in zip(net.parameters(), grads, strict=True):
                p.grad = g
            optimizer.step()
    assert len(w.losses) == 0
    assert w.state().dead[1].inputs >= 16


def test_one_answer_for_all_without_a_dead_unit():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10), nn.Softmax(0))
    with torch.no_grad():
        net[2].weight.zero_()
    net[2].weight.requires_grad_(False)
    w = train(net, 120, 32, lr=0.01, loss=lambda o, t: F.mse_loss(o, F.one_hot(t, 10).float()))
    assert "same-answer" in [f.cause for f in w.findings]


def test_the_first_steps_are_looked_at_then_every_third_power():
    clock = Clock(1e-9, 200)
    step, looks = 1, [1]
    clock.plain(1.0, 10)
    while step < 3000:
        step += clock.gap(step, cost=1.0)
        looks.append(step)
    assert looks == [1, 2, 3, 9, 27, 81, 243, 729, 2187, 6561]
