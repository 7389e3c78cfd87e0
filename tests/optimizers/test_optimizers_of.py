"""Recognising a torch optimizer, and reading its preconditioner."""

from __future__ import annotations

import pytest
import torch

from trainability import optimizers
from trainability.errors import UnknownNameError
from trainability.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Momentum,
    Nesterov,
    RMSprop,
    get,
    of,
    preconditioner,
)


def weights() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (3,))]


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (torch.optim.SGD(weights(), lr=0.1), SGD(lr=0.1)),
        (torch.optim.SGD(weights(), lr=0.1, dampening=0.5, weight_decay=1e-4), SGD(0.1, weight_decay=1e-4)),
        (torch.optim.SGD(weights(), momentum=0.9, dampening=0.5), Momentum(momentum=0.9, dampening=0.5)),
        (torch.optim.SGD(weights(), momentum=0.8, nesterov=True), Nesterov(momentum=0.8)),
        (torch.optim.RMSprop(weights(), alpha=0.9, momentum=0.5), RMSprop(alpha=0.9, momentum=0.5)),
        (
            torch.optim.Adam(weights(), betas=(0.5, 0.9), weight_decay=0.1),
            Adam(betas=(0.5, 0.9), weight_decay=0.1),
        ),
        (torch.optim.AdamW(weights(), eps=1e-6), AdamW(eps=1e-6)),
        (torch.optim.Adam(weights(), lr=torch.tensor(0.5)), Adam(lr=0.5)),
        (torch.optim.Adam(weights(), amsgrad=True, betas=(0.5, 0.9)), AMSGrad(betas=(0.5, 0.9))),
        (torch.optim.Adamax(weights(), eps=1e-4), Adamax(eps=1e-4)),
        (torch.optim.Adagrad(weights(), lr_decay=0.1, initial_accumulator_value=0.2), Adagrad(0.01, 0.1, 0.0, 0.2)),
        (torch.optim.Adadelta(weights(), rho=0.5, weight_decay=0.1), Adadelta(rho=0.5, weight_decay=0.1)),
    ],
)
def test_of_gives_the_rule_with_its_numbers(optimizer, rule):
    assert of(optimizer) == rule
    assert all(isinstance(getattr(of(optimizer), name), float | tuple | bool) for name in vars(rule))


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.AdamW(weights(), amsgrad=True),
        torch.optim.RMSprop(weights(), centered=True),
        torch.optim.SGD(weights(), maximize=True),
        torch.optim.SGD(weights(), momentum=0.9, maximize=True),
        torch.optim.SGD(weights(), momentum=0.9, nesterov=True, maximize=True),
        torch.optim.Adam(weights(), maximize=True),
        torch.optim.AdamW(weights(), maximize=True),
        torch.optim.RMSprop(weights(), maximize=True),
        torch.optim.Adagrad(weights(), maximize=True),
        torch.optim.Adadelta(weights(), maximize=True),
        torch.optim.Adamax(weights(), maximize=True),
        torch.optim.Adam(weights(), amsgrad=True, maximize=True),
        torch.optim.ASGD(weights()),
        torch.optim.NAdam(weights()),
        torch.optim.LBFGS(weights()),
    ],
)
def test_of_gives_none_for_what_no_rule_does(optimizer):
    assert of(optimizer) is None
    assert preconditioner(optimizer, optimizer.param_groups[0]["params"]) is None


def test_subclasses_count_unless_they_have_their_own_step():
    class Logged(torch.optim.AdamW):
        pass

    class Clipped(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    assert of(Logged(weights(), lr=0.5)) == AdamW(lr=0.5)
    assert of(Clipped(weights(), lr=0.5)) is None


def test_adam_with_decoupled_weight_decay_is_adamw():
    try:
        optimizer = torch.optim.Adam(weights(), weight_decay=0.2, decoupled_weight_decay=True)
    except TypeError:
        pytest.skip("this torch has no decoupled_weight_decay")
    assert of(optimizer) == AdamW(weight_decay=0.2)


def test_a_scheduler_on_top_changes_nothing_but_the_lr():
    optimizer = torch.optim.Adam(weights(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    optimizer.step()
    scheduler.step()
    assert of(optimizer) == Adam(lr=0.05)


DIVISORS = {
    "Adam": lambda rule, state, eps, t: (state("exp_avg_sq") / (1 - rule.betas[1] ** t)).sqrt() + eps,
    "AdamW": lambda rule, state, eps, t: (state("exp_avg_sq") / (1 - rule.betas[1] ** t)).sqrt() + eps,
    "AMSGrad": lambda rule, state, eps, t: (state("max_exp_avg_sq") / (1 - rule.betas[1] ** t)).sqrt() + eps,
    "RMSprop": lambda rule, state, eps, t: state("square_avg").sqrt() + eps,
    "Adagrad": lambda rule, state, eps, t: state("sum").sqrt() + eps,
    "Adamax": lambda rule, state, eps, t: state("exp_inf") + eps,  # eps is in u already, and 0 below
    "Adadelta": lambda rule, state, eps, t: ((state("square_avg") + eps) / (state("acc_delta") + eps)).sqrt(),
}


@pytest.mark.parametrize("name", DIVISORS)
def test_the_preconditioner_is_what_the_step_divides_by(name):
    """Read from torch's state, equal to what our own rule has after the same gradients, by group."""
    kind = torch.optim.Adam if name == "AMSGrad" else getattr(torch.optim, name)
    params = [torch.nn.Parameter(p.detach().double()) for p in weights()]
    groups = [{"params": [params[0]], "eps": 1e-2}, {"params": [params[1]], "eps": 1e-4}]
    optimizer = kind(groups, lr=0.01, **({"amsgrad": True} if name == "AMSGrad" else {}))
    assert preconditioner(optimizer, params) is None
    for p in params:
        p.grad = torch.zeros_like(p)
    ours = []
    for p, group in zip(params, optimizer.param_groups, strict=True):
        rule = type(of(optimizer)).from_torch(group)
        now = {"w": p.detach().clone()}
        state = rule.init(now)
        for step in range(5):
            now, state = rule.update({"w": torch.full_like(p, 3.0 - step)}, state, now)
        eps = 0.0 if name == "Adamax" else group["eps"]
        ours.append(DIVISORS[name](rule, lambda key, state=state: state[key]["w"], eps, 5))
    for step in range(5):
        for p in params:
            p.grad = torch.full_like(p, 3.0 - step)
        optimizer.step()
    found = preconditioner(optimizer, params[::-1])[::-1]
    for p, d, expected in zip(params, found, ours, strict=True):
        assert d.shape == p.shape
        assert not d.requires_grad
        torch.testing.assert_close(d, expected, rtol=1e-12, atol=0)


def test_reading_the_preconditioner_leaves_the_state_as_it_is():
    params = weights()
    optimizer = torch.optim.Adam(params)
    params[0].grad = torch.ones_like(params[0])
    optimizer.step()
    before = {key: value.clone() for key, value in optimizer.state[params[0]].items()}
    assert preconditioner(optimizer, params) is None, "the second parameter never had a gradient"
    assert preconditioner(optimizer, params[:1]) is not None
    assert len(optimizer.state) == 1
    for key, value in before.items():
        assert torch.equal(optimizer.state[params[0]][key], value)
    assert preconditioner(optimizer, [torch.zeros(2)]) is None, "not a parameter of this optimizer"


def test_rules_that_do_not_divide_have_no_preconditioner():
    params = weights()
    for options in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
        optimizer = torch.optim.SGD(params, **options)
        for p in params:
            p.grad = torch.ones_like(p)
        optimizer.step()
        assert preconditioner(optimizer, params) is None


def test_get_ignores_case_and_suggests_the_nearest():
    assert get("rmsprop") is get("RMSProp") is optimizers.RMSprop
    with pytest.raises(UnknownNameError, match=r"Unknown optimizer 'Adams'. Did you mean 'Adam'\?"):
        get("Adams")


def test_torch_refuses_one_lr_per_member():
    """Trap 13, and why this folder exists."""
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        torch.optim.Adam(weights(), lr=torch.tensor([0.1, 0.2]))


def test_momentum_of_zero_ignores_dampening_as_torch_does():
    zero, some = torch.tensor([0.0, 0.5]), torch.tensor([0.4, 0.4])
    rule, params = Momentum(lr=0.1, momentum=zero, dampening=some), {"w": torch.ones(2, 1)}
    state = rule.init(params)
    for _ in range(2):
        params, state = rule.update({"w": torch.ones(2, 1)}, state, params)
    # member 0: two plain steps; member 1: b = 1, then 0.5 + 0.6
    torch.testing.assert_close(params["w"].flatten(), torch.tensor([0.8, 1 - 0.1 * (1 + 1.1)]))
    assert Momentum(0.1, 0.0, 0.4).stable_lr(4.0) == SGD(0.1).stable_lr(4.0) == 0.5
