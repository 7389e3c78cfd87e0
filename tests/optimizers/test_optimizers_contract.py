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
    "SGD": (torch.optim.SGD, [{"lr": 0.05}, {"lr": 0.02, "weight_decay": 0.3}]),
    "Momentum": (
        torch.optim.SGD,
        [
            {"lr": 0.01, "momentum": 0.9},
            {"lr": 0.02, "momentum": 0.7, "dampening": 0.4, "weight_decay": 0.1},
        ],
    ),
    "Nesterov": (
        torch.optim.SGD,
        [
            {"lr": 0.01, "momentum": 0.9, "nesterov": True},
            {"lr": 0.02, "momentum": 0.5, "nesterov": True, "weight_decay": 0.2},
        ],
    ),
    "RMSprop": (
        torch.optim.RMSprop,
        [
            {"lr": 0.0005},
            {"lr": 0.0002, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1, "momentum": 0.5},
        ],
    ),
    "Adam": (
        torch.optim.Adam,
        [{"lr": 0.001}, {"lr": 0.002, "betas": (0.5, 0.95), "eps": 1e-2, "weight_decay": 0.1}],
    ),
    "AdamW": (
        torch.optim.AdamW,
        [{"lr": 0.001}, {"lr": 0.002, "betas": (0.8, 0.99), "eps": 1e-2, "weight_decay": 0.5}],
    ),
}
"""torch's class and keyword arguments, at least two sets, that mean this rule.

All below the edge of stability of `loss`: above it the last bit of a rounding grows to 1e-8 within 200
steps, and two correct programs differ by that much.
"""

FROZEN = {"RMSprop": "square_avg", "Adam": "exp_avg_sq", "AdamW": "exp_avg_sq"}
"""Where an adaptive rule keeps its second moment."""

MEMBERS, STEPS = 4, 200

X = torch.randn(16, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(100))
Y = torch.stack([X.prod(1), X.square().sum(1)], 1)


def start(member: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(member)
    shapes = {"w1": (6, 3), "b1": (6,), "w2": (2, 6), "scale": (1,)}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


def loss(params: dict[str, Tensor]) -> Tensor:
    """Mean squared error of a small tanh network on fixed data: neither convex nor separable."""
    out = params["scale"] * torch.tanh(X @ params["w1"].mT + params["b1"]) @ params["w2"].mT
    return (out - Y).square().mean()


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
    for member in range(2):
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
        found = gradients(wide) if wide["w1"].ndim == 2 else batched_gradients(wide)
        return {key: value.to(dtype) for key, value in found.items()}

    together = run(rule, params, gradient, steps=100)
    for member in range(MEMBERS):
        single = run(alone(rule, member), {key: value[member] for key, value in params.items()}, gradient, 100)
        for key, value in single.items():
            assert together[key].dtype == dtype
            torch.testing.assert_close(together[key][member], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ALL)
def test_one_step_in_float32_is_batched_to_the_last_bits(name):
    """Hyper-parameters are combined in double precision: 1 - 0.999 in float32 is off by 5e-5 relative."""
    rule = spread(name)
    params = {key: value.float() for key, value in stacked(range(MEMBERS)).items()}

    def gradient(now):
        return {key: 0.3 * value + 0.1 for key, value in now.items()}

    together = run(rule, params, gradient, steps=3)
    for member in range(MEMBERS):
        single = {key: value[member] for key, value in params.items()}
        for key, value in run(alone(rule, member), single, gradient, steps=3).items():
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

    The claim of an adaptive rule is about v held still, so that is what is tested: v is put back to a fixed
    value before each step, the weight is so small that its g² does not count, and the step number so large
    that the bias correction is over; sharpness is curvature / d. What a moving v does is in
    test_optimizers_edge_of_stability.
    """
    rule = of(TORCH[name][0]([torch.zeros(1)], **TORCH[name][1][which]))
    tiny = 1e-9
    params = {"w": torch.full((2, 1), tiny, dtype=torch.float64)}
    state = rule.init(params)
    sharpness, held = curvature, {}
    if "step" in state:
        state["step"] = 10**6
    if name in FROZEN:
        held = {FROZEN[name]: {"w": torch.full((2, 1), 0.09, dtype=torch.float64)}}
        _, after = rule.update({"w": 0 * params["w"]}, {**state, **held}, params)
        d = after[FROZEN[name]]["w"][0].sqrt().item() + rule.eps
        # Coupled weight decay is part of the gradient, which d divides; decoupled decay is not.
        sharpness = (curvature + (0.0 if name == "AdamW" else rule.weight_decay)) / d
    limit = rule.stable_lr(sharpness)
    rule = replace(rule, lr=torch.tensor([0.98 * limit, 1.02 * limit], dtype=torch.float64))
    path = []
    for _ in range(600):
        params, state = rule.update({"w": curvature * params["w"]}, {**state, **held}, params)
        path.append(params["w"].abs().flatten() / tiny)
    below, above = torch.stack(path).unbind(1)
    assert below[-20:].max() < 0.05
    assert above.max() > 20


@pytest.mark.parametrize("name", ALL)
def test_the_stable_lr_may_differ_by_member(name):
    rule = spread(name)
    sharpness = torch.tensor([0.5, 1.0, 2.0, 50.0])
    limits = rule.stable_lr(sharpness)
    assert limits.dtype == torch.float64
    assert limits.shape == (MEMBERS,)
    for member in range(MEMBERS):
        single = alone(rule, member).stable_lr(float(sharpness[member]))
        assert isinstance(single, float)
        assert limits[member].item() == pytest.approx(single, rel=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_bad_hyper_parameters_are_refused(name):
    rule = ALL[name]
    for bad in (-0.1, torch.nan, "fast", None, [0.1, 0.2], torch.ones(2, 2), torch.tensor([0.1, torch.nan])):
        with pytest.raises(ValueError, match=r"lr: given .* needed"):
            rule(lr=bad)
    for field in fields(rule):
        if field.name != "dampening":
            worst = (0.9, -1.0) if field.name == "betas" else torch.tensor([0.5, -1.0])
            with pytest.raises(ValueError, match=rf"{field.name}: given -1.*needed at least 0"):
                rule(**{field.name: worst})
    with pytest.raises(ValueError, match=r"different numbers of members, \[2, 3\]"):
        rule(lr=torch.ones(3), weight_decay=torch.ones(2))


@pytest.mark.parametrize("name", ALL)
def test_the_wrong_number_of_members_is_refused(name):
    rule = ALL[name](lr=torch.full((3,), 0.1))
    for shape in ((4, 5), (1, 3), (), (0, 3)):
        with pytest.raises(ValueError, match=r"for 3 members and a parameter of shape"):
            rule.init({"w": torch.zeros(shape)})
    good, bad = {"w": torch.zeros(3, 5)}, {"w": torch.zeros(1, 5)}
    with pytest.raises(ValueError, match=r"for 3 members"):
        rule.update(bad, rule.init(good), bad)


@pytest.mark.parametrize("name", ALL)
def test_gradients_must_be_there_for_all_parameters(name):
    rule, params = ALL[name](), {"w": torch.zeros(3), "b": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"Given gradients for \['w'\], needed one for each of \['b', 'w'\]"):
        rule.update({"w": torch.zeros(3)}, rule.init(params), params)


@pytest.mark.parametrize("name", ALL)
def test_a_scalar_tensor_is_a_number(name):
    assert ALL[name](lr=torch.tensor(0.25)) == ALL[name](lr=0.25)
