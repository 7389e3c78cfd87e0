"""The order of events in a loop, as it really was, and no trace of the watching."""

import math
from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils.checkpoint import checkpoint

from trainability.setup.loop_events import loop_events

X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def parts(optimizer=torch.optim.SGD, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    return model, optimizer(model.parameters(), **(options or {"lr": 0.1}))


def loss(model):
    return model(X).square().mean()


def standard(model, optimizer, i):
    optimizer.zero_grad()
    loss(model).backward()
    optimizer.step()


def model_cleared(model, optimizer, i):
    model.zero_grad()
    torch.autograd.backward(loss(model))
    optimizer.step()


def set_to_none(model, optimizer, i):
    for p in model.parameters():
        p.grad = None
    loss(model).backward()
    optimizer.step()


def zeroed_by_hand(model, optimizer, i):
    for p in model.parameters():
        if p.grad is not None:
            p.grad.data.zero_()
    loss(model).backward()
    optimizer.step()


def never_cleared(model, optimizer, i):
    loss(model).backward()
    optimizer.step()


def cleared_too_soon(model, optimizer, i):
    loss(model).backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()


def accumulated(model, optimizer, i):
    (loss(model) / 2).backward()
    if i % 2:
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()
        optimizer.zero_grad()


def clipped_by_hand(model, optimizer, i):
    optimizer.zero_grad()
    loss(model).backward()
    for p in model.parameters():
        p.grad.data.clamp_(-1e-4, 1e-4)
    optimizer.step()


def two_backwards(model, optimizer, i):
    optimizer.zero_grad()
    loss(model).backward()
    model[0].weight.square().sum().backward()
    optimizer.step()


def checkpointed(model, optimizer, i):
    optimizer.zero_grad()
    checkpoint(model, X.clone().requires_grad_(), use_reentrant=True).sum().backward()
    optimizer.step()


ORDERS = {
    standard: ("clear", "forward", "backward", "step"),
    model_cleared: ("clear", "forward", "backward", "step"),
    set_to_none: ("forward", "clear", "backward", "step"),
    zeroed_by_hand: ("forward", "clear", "backward", "step"),
    never_cleared: ("forward", "backward", "step"),
    cleared_too_soon: ("forward", "backward", "clear", "step"),
    accumulated: ("clear", "forward", "backward", "forward", "backward", "clip", "step"),
    clipped_by_hand: ("clear", "forward", "backward", "clip", "step"),
    two_backwards: ("clear", "forward", "backward", "backward", "step"),
    checkpointed: ("clear", "forward", "forward", "backward", "step"),
}


@pytest.mark.parametrize("step", ORDERS, ids=lambda f: f.__name__)
def test_the_order_of_each_kind_of_loop(step):
    model, optimizer = parts()
    with loop_events(model, optimizer) as events:
        for i in range(6):
            step(model, optimizer, i)
    assert events.steps[-1] == ORDERS[step]
    assert len(events.steps) == (3 if step is accumulated else 6)


@pytest.mark.parametrize("values", [True, False])
def test_watching_changes_nothing_and_leaves_nothing(values):
    plain, watched = parts(), parts()
    before = torch.Tensor.backward, torch.autograd.grad, torch.optim.Optimizer.zero_grad, nn.Module.zero_grad
    for i in range(3):
        accumulated(*plain, i)
    with loop_events(*watched, values=values) as events:
        for i in range(3):
            accumulated(*watched, i)
    for a, b in zip(plain[0].parameters(), watched[0].parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.grad is None or torch.equal(a.grad, b.grad)
    assert events.steps[0][-1] == "step"
    with suppress(RuntimeError), loop_events(*watched):
        raise RuntimeError
    after = torch.Tensor.backward, torch.autograd.grad, torch.optim.Optimizer.zero_grad, nn.Module.zero_grad
    assert before == after
    assert not _global_optimizer_pre_hooks
    assert not _global_optimizer_post_hooks
    assert not watched[0]._forward_hooks
    assert "zero_grad" not in vars(nn.Linear)
    assert len(events.all) == 3 * 2 + 3  # three calls of two, and one clip, step and clear


def test_a_closure_comes_before_its_step():
    model, optimizer = parts(torch.optim.LBFGS, max_iter=2)

    def closure():
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        return value

    with loop_events(model, optimizer) as events:
        optimizer.step(closure)
    assert events.steps[0][:3] == ("clear", "forward", "backward")
    assert events.steps[0][-1] == "step"
    assert events.groups[0][-1].reached == 4
    assert events.groups[0][-1].gradient > 0


def test_a_scaler_that_leaves_a_step_out():
    model, optimizer = parts()
    scaler = torch.amp.GradScaler("cpu")
    with loop_events(model, optimizer) as events:
        for factor in (math.inf, 1.0):
            optimizer.zero_grad()
            scaler.scale(loss(model) * factor).backward()
            scaler.step(optimizer)
            scaler.update()
    once = ("clear", "forward", "backward")
    assert events.steps == [(*once, "skip", *once, "step")]


def test_schedulers_and_other_optimizers():
    model, optimizer = parts()
    other, its = parts()
    schedulers = ExponentialLR(optimizer, 0.5), ReduceLROnPlateau(optimizer)
    with loop_events(model, optimizer) as events:
        standard(other, its, 0)
        standard(model, optimizer, 0)
        schedulers[0].step()
        schedulers[1].step(1.0)
        torch.autograd.grad(loss(model), list(model.parameters()))
    assert events.steps == [("clear", "forward", "backward", "step")]
    assert events.rest == ("schedule", "schedule", "forward", "grad")
    assert [e.name for e in events.all if not e.ours] == ["clear", "backward", "step"]


def test_a_loss_without_history_is_told():
    model, optimizer = parts()
    with loop_events(model, optimizer) as events:
        loss(model).detach().requires_grad_().backward()
        optimizer.step()
    (group,) = events.groups[:-1]
    assert group[1].name == "backward"
    assert not group[1].history
    assert group[1].reached == group[2].reached == 0


def test_modes_and_numbers_are_told():
    model, optimizer = parts()
    seen = []
    model.eval()
    with loop_events(model, optimizer, seen=seen.append) as events:
        with torch.no_grad():
            model(X)
        standard(model, optimizer, 0)
    assert list(events.all) == seen
    first, _, second, backward, step = seen
    assert (first.training, first.recorded, second.recorded) == (False, False, True)
    expected = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))
    assert backward.gradient == pytest.approx(expected)
    assert (step.reached, step.lr) == (4, 0.1)


class Plain:
    """An optimizer that only looks like one."""

    def __init__(self, parameters):
        self.param_groups = [{"params": list(parameters), "lr": 0.5}]

    def zero_grad(self):
        for p in self.param_groups[0]["params"]:
            p.grad = None

    def step(self):
        for p in self.param_groups[0]["params"]:
            p.data -= 0.5 * p.grad


def test_an_optimizer_of_another_kind():
    model, _ = parts()
    optimizer = Plain(model.parameters())
    with loop_events(model, optimizer) as events:
        standard(model, optimizer, 0)
    assert events.steps == [("clear", "forward", "backward", "step")]
    assert "step" not in vars(optimizer)
