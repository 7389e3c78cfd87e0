"""What every update rule promises, checked for each name in ALL.

A new rule needs one entry in TORCH (how torch says the same) and, if it is adaptive, one in FROZEN.
"""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from trainability import optimizers
from trainability.optimizers import ALL, Rule, of, take

TORCH = {
    "SGD": (torch.optim.SGD, [{"lr": 0.1}, {"lr": 0.05, "weight_decay": 0.3}]),
    "Momentum": (
        torch.optim.SGD,
        [
            {"lr": 0.02, "momentum": 0.9},
            {"lr": 0.05, "momentum": 0.7, "dampening": 0.4, "weight_decay": 0.1},
        ],
    ),
    "Nesterov": (
        torch.optim.SGD,
        [
            {"lr": 0.02, "momentum": 0.9, "nesterov": True},
            {"lr": 0.05, "momentum": 0.5, "nesterov": True, "weight_decay": 0.2},
        ],
    ),
    "RMSprop": (
        torch.optim.RMSprop,
        [
            {"lr": 0.003},
            {"lr": 0.002, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1, "momentum": 0.5},
        ],
    ),
    "Adam": (
        torch.optim.Adam,
        [{"lr": 0.01}, {"lr": 0.03, "betas": (0.5, 0.95), "eps": 1e-3, "weight_decay": 0.1}],
    ),
    "AdamW": (
        torch.optim.AdamW,
        [{"lr": 0.01}, {"lr": 0.03, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.5}],
    ),
}
"""torch's class and keyword arguments, at least two sets, that mean this rule."""

FROZEN = {"RMSprop": "square_avg", "Adam": "exp_avg_sq", "AdamW": "exp_avg_sq"}
"""Where an adaptive rule keeps its second moment."""

MEMBERS, STEPS = 4, 200


def start(member: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(member)
    shapes = {"w1": (6, 3), "b1": (6,), "w2": (2, 6), "scale": (1,)}
    return {
        name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()
    }


def loss(params: dict[str, Tensor]) -> Tensor:
    """Mean squared error of a small tanh network on fixed data: neither convex nor separable."""
    x = torch.randn(16, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(100))
    y = torch.stack([x.prod(1), x.square().sum(1)], 1)
    out = params["scale"] * torch.tanh(x @ params["w1"].mT + params["b1"]) @ params["w2"].mT
    return (out - y).square().mean()


def gradients(params: dict[str, Tensor]) -> dict[str, Tensor]:
    return torch.func.grad(loss)(params)


def batched_gradients(params: dict[str, Tensor]) -> dict[str, Tensor]:
    return torch.func.vmap(torch.func.grad(loss))(params)


def run(rule: Rule, params: dict[str, Tensor], gradient=gradients, steps: int = STEPS) -> dict[str, Tensor]:
    state = rule.init(params)
    for _ in range(steps):
        params, state = rule.update(gradient(params), state, params)
    return params


def stacked(members: range) -> dict[str, Tensor]:
    singles = [start(e) for e in members]
    return {name: torch.stack([single[name] for single in singles]) for name in singles[0]}


def spread(name: str) -> Rule:
    """A rule whose every hyper-parameter differs by member: between the two first sets of TORCH."""
    kind, options = TORCH[name]
    first, second = (of(kind([torch.zeros(1)], **each)) for each in options[:2])
    share = torch.linspace(0, 1, MEMBERS, dtype=torch.float64)

    def between(a, b):
        if isinstance(a, tuple):
            return tuple(between(x, y) for x, y in zip(a, b, strict=True))
        return a + (b - a) * share

    return replace(first, **{f.name: between(getattr(first, f.name), getattr(second, f.name)) for f in fields(first)})


def alone(rule: Rule, member: int) -> Rule:
    """The rule of one member, with floats."""

    def one(value):
        return tuple(map(one, value)) if isinstance(value, tuple) else float(value[member])

    return replace(rule, **{f.name: one(getattr(rule, f.name)) for f in fields(rule)})


def test_every_file_of_the_folder_is_listed():
    files = {path.stem for path in Path(optimizers.__file__).parent.glob("*.py")}
    assert {name for name in files if not name.startswith("_")} == {name.lower() for name in ALL}
    assert set(TORCH) == set(ALL), "each rule needs its counterpart in torch"


@pytest.mark.parametrize("name", ALL)
def test_a_rule_is_a_frozen_dataclass_with_torchs_names_and_defaults(name):
    rule = ALL[name]
    assert is_dataclass(rule)
    assert rule.__dataclass_params__.frozen
    theirs = inspect.signature(TORCH[name][0]).parameters
    for field in fields(rule):
        if field.name != "momentum" or name == "RMSprop":  # torch's 0 would not be momentum at all
            assert field.default == theirs[field.name].default


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("which", [0, 1])
def test_equals_torch_over_two_hundred_steps(name, which):
    kind, options = TORCH[name]
    for member in range(MEMBERS):
        params = {key: torch.nn.Parameter(value) for key, value in start(member).items()}
        theirs = kind(params.values(), **options[which])
        rule = of(theirs)
        assert type(rule) is ALL[name]
        for _ in range(STEPS):
            theirs.zero_grad()
            loss(params).backward()
            theirs.step()
        ours = run(rule, start(member))
        for key, value in params.items():
            assert (value - start(member)[key]).abs().max() > 1e-3, "the test must move something"
            torch.testing.assert_close(ours[key], value.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_batched_equals_one_by_one_with_every_hyper_parameter_different(name, dtype, tolerance):
    rule = spread(name)
    params = {key: value.to(dtype) for key, value in stacked(range(MEMBERS)).items()}

    def gradient(now):
        wide = {key: value.double() for key, value in now.items()}
        one = loss(wide).ndim == 0 if now["w1"].ndim == 2 else False
        found = gradients(wide) if one else batched_gradients(wide)
        return {key: value.to(dtype) for key, value in found.items()}

    together = run(rule, params, gradient)
    for member in range(MEMBERS):
        single = run(alone(rule, member), {key: value[member] for key, value in params.items()}, gradient)
        for key, value in single.items():
            assert together[key].dtype == dtype
            torch.testing.assert_close(together[key][member], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ALL)
def test_one_step_in_float32_is_batched_to_the_last_bits(name):
    """Hyper-parameters are combined in double precision: 1 - 0.999 in float32 would be off by 5e-5 relative."""
    rule = spread(name)
    params = {key: value.float() for key, value in stacked(range(MEMBERS)).items()}
    together = run(rule, params, lambda now: {key: 0.3 * value + 0.1 for key, value in now.items()}, steps=3)
    for member in range(MEMBERS):
        single = {key: value[member] for key, value in params.items()}
        single = run(
            alone(rule, member), single, lambda now: {key: 0.3 * value + 0.1 for key, value in now.items()}, steps=3
        )
        for key, value in single.items():
            torch.testing.assert_close(together[key][member], value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_update_is_pure(name):
    rule, params = spread(name), stacked(range(MEMBERS))
    state = rule.init(params)
    params, state = rule.update(batched_gradients(params), state, params)
    grads = batched_gradients(params)
    copies = [{k: v.clone() for k, v in params.items()}, {k: v.clone() for k, v in grads.items()}]
    first, after = rule.update(grads, state, params)
    again, after_again = rule.update(grads, state, params)
    for key in params:
        assert torch.equal(params[key], copies[0][key])
        assert torch.equal(grads[key], copies[1][key])
        assert torch.equal(first[key], again[key])
    assert str(after) == str(after_again)


@pytest.mark.parametrize("name", ALL)
def test_an_update_records_no_graph(name):
    rule = spread(name)
    params = {key: value.requires_grad_() for key, value in stacked(range(MEMBERS)).items()}
    moved, _ = rule.update(batched_gradients(params), rule.init(params), params)
    assert not any(value.requires_grad for value in moved.values())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_member_that_is_not_finite_touches_no_other(name, bad):
    """Trap 3: nothing in an update may run over the members."""
    rule, params = spread(name), stacked(range(MEMBERS))
    clean = run(rule, params, batched_gradients, steps=20)

    def poisoned(now):
        grads = {key: value.clone() for key, value in batched_gradients(now).items()}
        for value in grads.values():
            value[1] = bad
        return grads

    dirty = run(rule, params, poisoned, steps=20)
    for key in params:
        assert not dirty[key][1].isfinite().any()
        for member in (0, 2, 3):
            assert torch.equal(dirty[key][member], clean[key][member])


@pytest.mark.parametrize("name", ALL)
def test_members_can_leave_in_the_middle_of_a_run(name):
    rule, params = spread(name), stacked(range(MEMBERS))
    stay = torch.tensor([0, 3])
    state = rule.init(params)
    for _ in range(10):
        params, state = rule.update(batched_gradients(params), state, params)
    few_rule, few_state, few = take(rule, stay), take(state, stay), take(params, stay)
    for _ in range(10):
        params, state = rule.update(batched_gradients(params), state, params)
        few, few_state = few_rule.update(batched_gradients(few), few_state, few)
    for key in params:
        torch.testing.assert_close(few[key], params[key][stay], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("curvature", [0.5, 40.0])
@pytest.mark.parametrize("which", [0, 1])
def test_just_below_the_stable_lr_shrinks_and_just_above_grows(name, curvature, which):
    """The rule itself on curvature/2 · w², 2 % on either side of its own limit.

    The claim of an adaptive rule is about v held still, so that is what is tested: v is put back to a fixed value
    after each step, late enough (step 10^6) for the bias correction to be over, and sharpness is curvature / d. What
    the moving v does to this is in test_optimizers_edge_of_stability.
    """
    rule = of(TORCH[name][0]([torch.zeros(1)], **TORCH[name][1][which]))
    second = FROZEN.get(name)
    held = torch.tensor([[0.09]], dtype=torch.float64)
    sharpness = curvature
    if second:
        d = held.sqrt() + rule.eps
        # Coupled weight decay belongs to the curvature that is divided by d, decoupled decay is the rule's own.
        coupled = 0.0 if name == "AdamW" else rule.weight_decay
        sharpness = (curvature + coupled) / d.item()
    limit = rule.stable_lr(sharpness)
    lr = torch.tensor([0.98 * limit, 1.02 * limit], dtype=torch.float64)
    rule = replace(rule, lr=lr)
    params = {"w": torch.ones(2, 1, dtype=torch.float64)}
    state = rule.init(params)
    if "step" in state:
        state["step"] = 10**6
    for _ in range(600):
        if second:
            state = {**state, second: {"w": held.expand(2, 1)}}
        # The update mixes the new g² into v before it uses it, which no small gradient escapes; scaling the weight
        # down leaves the linear map as it is and g² nothing.
        params, state = rule.update({"w": curvature * params["w"]}, state, params)
    below, above = params["w"].abs().flatten()
    assert below < 0.05
    assert above > 20
