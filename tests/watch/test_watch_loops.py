"""Real loops, sick and healthy, as people write them."""

import random

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

import trainability as tr
from trainability.errors import SetupError

DIGITS = load_digits()
X, Y = torch.tensor(DIGITS.data / 16).float(), torch.tensor(DIGITS.target)


def mlp(activation=lambda: nn.ReLU(inplace=True), depth=2, seed=0):
    torch.manual_seed(seed)
    layers = [nn.Linear(64, 32), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(32, 32), activation()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


def batches(n, size=32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n):
        i = torch.randint(0, len(X), (size,), generator=generator)
        yield X[i], Y[i]


def plain(net, optimizer, n):
    for x, y in batches(n):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def causes(w):
    return [f.cause for f in w.findings]


HEALTHY = {
    "sgd": (mlp, lambda p: torch.optim.SGD(p, lr=0.1)),
    "adam": (mlp, lambda p: torch.optim.Adam(p, lr=1e-3)),
    "momentum": (mlp, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "tanh": (lambda: mlp(nn.Tanh), lambda p: torch.optim.SGD(p, lr=0.1)),
    "dropout": (lambda: nn.Sequential(mlp(), nn.Dropout(0.1)), lambda p: torch.optim.AdamW(p, lr=1e-3)),
    "batch-norm": (
        lambda: nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)),
        lambda p: torch.optim.SGD(p, lr=0.1),
    ),
}


@pytest.mark.parametrize("detail", ["default", "full"])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_loop_is_left_as_it_is(name, detail):
    build, make = HEALTHY[name]
    nets = []
    for watched in (False, True):
        torch.manual_seed(4)
        net = build()
        torch.manual_seed(5)
        optimizer = make(net.parameters())
        if watched:
            with tr.watch(net, optimizer, detail=detail, every=20) as w:
                plain(net, optimizer, 300)
        else:
            plain(net, optimizer, 300)
        nets.append((net, torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()))
    assert w.findings == ()
    assert w.outcome in ("learning", "trained")
    assert w.step == len(w.losses) == 300
    for a, b in zip(nets[0][0].state_dict().values(), nets[1][0].state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(nets[0][1], nets[1][1])
    assert nets[0][2:] == nets[1][2:]


def test_the_losses_are_the_loops_own():
    net, told = mlp(), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with tr.watch(net, optimizer) as w:
        for x, y in batches(60):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            told.append(loss.item())
            loss.backward()
            optimizer.step()
    assert w.losses.values.tolist() == told


def test_updates_and_gradients_are_right():
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = next(iter(batches(1)))
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    with tr.watch(net, optimizer) as w:
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    look = w.report().looks[0]
    names = [n for n, _ in look.weights]
    assert names == list(before)
    for name, update, gradient in zip(names, look.updates, look.gradients, strict=True):
        p = dict(net.named_parameters())[name]
        assert update == pytest.approx(float((p.detach() - before[name]).norm() / before[name].norm()), rel=1e-4)
        assert gradient == pytest.approx(float(p.grad.square().mean().sqrt()), rel=1e-4)
    assert look.gradient_norm == pytest.approx(
        float(torch.cat([p.grad.flatten() for p in net.parameters()]).norm()), rel=1e-4
    )


def test_dead_units_are_counted_before_an_in_place_function_can_hide_them():
    net = nn.Sequential(nn.Linear(64, 8), nn.ReLU(inplace=True), nn.Linear(8, 10))
    with torch.no_grad():
        net[0].weight.abs_()
        net[0].bias[:3] = -1e3  # inputs are not negative: three units are dead, five always on
        net[0].bias[3:] = 1.0
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with tr.watch(net, optimizer, every=1) as w:
        plain(net, optimizer, 40)
    dead = w.state().dead[0]
    assert (dead.share, dead.share_first, dead.inputs >= 128) == (3 / 8, 3 / 8, True)


def forgot_to_clear(net, optimizer):
    for x, y in batches(150):
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def cleared_too_late(net, optimizer):
    for x, y in batches(60):
        F.cross_entropy(net(x), y).backward()
        for p in net.parameters():
            p.grad = None  # by hand, not by zero_grad
        optimizer.step()


def of_another_model(net, optimizer):
    other = mlp(seed=3)
    for x, y in batches(60):
        optimizer.zero_grad()
        F.cross_entropy(other(x), y).backward()
        optimizer.step()


def nan_in_a_batch(net, optimizer):
    for i, (x, y) in enumerate(batches(60)):
        x = x.clone()
        if i == 30:
            x[3, 5] = float("nan")
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def never_stepped(net, optimizer):
    for x, y in batches(150):
        F.cross_entropy(net(x), y).backward()


def no_backward(net, optimizer):
    for x, y in batches(60):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y)
        optimizer.step()


SICK = {
    "no-backward": (no_backward, 0.1),
    "gradients-never-cleared": (forgot_to_clear, 0.01),
    "gradients-cleared-before-step": (cleared_too_late, 0.1),
    "detached-loss": (of_another_model, 0.1),
    "non-finite-data": (nan_in_a_batch, 0.1),
    "step-never-called": (never_stepped, 0.1),
    "lr-too-high": (lambda net, optimizer: plain(net, optimizer, 200), 1e4),
    "lr-zero": (lambda net, optimizer: plain(net, optimizer, 60), 0.0),
}


@pytest.mark.parametrize("cause", SICK)
def test_a_sick_loop_is_told(cause):
    loop, lr = SICK[cause]
    net, told = mlp(), []
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    with tr.watch(net, optimizer, on_finding=lambda f, step: told.append((f.cause, step))) as w:
        loop(net, optimizer)
        during = [c for c, _ in told]
    assert causes(w)[0] == cause
    assert cause in during, "while it happens, and not at the end"


def test_other_tensors_in_the_optimizer():
    net = mlp()
    optimizer = torch.optim.SGD(mlp().parameters(), lr=0.1)
    with tr.watch(net, optimizer) as w:
        assert causes(w) == ["parameters-not-in-optimizer"]  # before the first step


def test_units_that_die():
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    with tr.watch(net, optimizer, every=5) as w:
        plain(net, optimizer, 60)
        assert w.findings == ()
        with torch.no_grad():
            net[2].bias -= 1e3  # as one huge step would
        plain(net, optimizer, 400)
    assert causes(w)[0] == "dying-relu"
    assert w.findings[0].where == "3"


def test_deep_sigmoids_vanish():
    net = mlp(nn.Sigmoid, depth=8)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with tr.watch(net, optimizer, every=20) as w:
        plain(net, optimizer, 300)
    assert causes(w)[0] == "vanishing-gradient"


def test_the_sharpness_of_the_users_own_loss(monkeypatch):
    from trainability.measures.sharpness import sharpness
    from trainability.watch import budget as module

    monkeypatch.setitem(module.SHARPNESS, "full", 1.0)  # of so short a run it would get no time
    net = mlp(nn.Tanh)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    found = []
    with tr.watch(net, optimizer, detail="full") as w:
        for x, y in batches(80):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            before = w.sharpness.newest
            loss.backward()
            if w.sharpness.newest is not before:
                again = sharpness(lambda x=x, y=y: F.cross_entropy(net(x), y), list(net.parameters()), tol=1e-3)
                found.append((w.sharpness.newest.sharpness, again.value))
            optimizer.step()
    assert found
    for live, again in found:
        assert live == pytest.approx(again, rel=0.2)  # twelve products


@pytest.mark.parametrize("raises", [False, True])
def test_no_trace_is_left(raises):
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    places = (
        torch.autograd.backward,
        torch.Tensor.backward,
        torch.optim.Optimizer.zero_grad,
        torch.amp.GradScaler.scale,
    )
    try:
        with tr.watch(net, optimizer) as w:
            plain(net, optimizer, 3)
            if raises:
                net(torch.ones(2, 3))
    except RuntimeError:
        assert raises
    now = (torch.autograd.backward, torch.Tensor.backward, torch.optim.Optimizer.zero_grad, torch.amp.GradScaler.scale)
    assert now == places
    for m in net.modules():
        assert not any((m._forward_hooks, m._forward_pre_hooks, m._backward_hooks))
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert "RuntimeError" in w.report().ended if raises else w.report().ended == ""


def test_a_watch_that_is_forgotten_takes_its_hooks_along():
    net, backward = mlp(), torch.autograd.backward
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    w = tr.watch(net, optimizer).start()
    plain(net, optimizer, 3)
    del w
    plain(net, optimizer, 3)
    assert torch.autograd.backward is backward
    assert not any(m._forward_hooks for m in net.modules())


def test_a_fault_of_the_watch_is_no_fault_of_the_run(monkeypatch):
    net, backward = mlp(), torch.autograd.backward
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    w = tr.watch(net, optimizer)
    monkeypatch.setattr(w.looker, "look", lambda *_: 1 / 0)
    with pytest.warns(RuntimeWarning, match="goes on unwatched"), w:
        plain(net, optimizer, 10)
    assert torch.autograd.backward is backward


def test_a_fault_at_the_end_of_the_block_is_none_either(monkeypatch):
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    w = tr.watch(net, optimizer).start()
    plain(net, optimizer, 10)
    monkeypatch.setattr(w._judge, "judge", lambda *_, **__: 1 / 0)
    with pytest.warns(RuntimeWarning, match="goes on unwatched"):
        w.stop()
    assert "ZeroDivisionError" in w.report().ended


def test_backward_on_a_loss_without_history():
    net = mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    w = tr.watch(net, optimizer)
    with pytest.raises(RuntimeError), w:
        F.cross_entropy(net(X[:4]).detach(), Y[:4]).backward()
    assert causes(w)[0] == "detached-loss"


def test_bad_arguments():
    net = mlp()
    with pytest.raises(SetupError, match=r"needed is a torch\.nn\.Module"):
        tr.watch(lambda x: x)
    with pytest.raises(SetupError, match=r"needed is a torch\.optim\.Optimizer"):
        tr.watch(net, "adam")
    with pytest.raises(SetupError, match="detail"):
        tr.watch(net, detail="much")
    with pytest.raises(SetupError, match="every"):
        tr.watch(net, every=0)
