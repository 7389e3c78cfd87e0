"""What every update rule promises, checked for each name in ALL.

A new rule needs one entry in TORCH (how torch says the same; OWN where torch has no such rule), one in LINEAR or CONSTANT
(its path in closed form) and, if it is adaptive, one in FROZEN.
"""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from trainability import optimizers
from trainability.optimizers import ALL, Rule, of, take
from trainability.optimizers._rule import copied
from trainability.theory import stability

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
    "AMSGrad": (
        torch.optim.Adam,
        [
            {"lr": 0.001, "amsgrad": True},
            {"lr": 0.002, "amsgrad": True, "betas": (0.5, 0.95), "eps": 1e-2, "weight_decay": 0.1},
        ],
    ),
    "Adamax": (
        torch.optim.Adamax,
        [{"lr": 0.001}, {"lr": 0.002, "betas": (0.5, 0.95), "eps": 1e-2, "weight_decay": 0.1}],
    ),
    "Adagrad": (
        torch.optim.Adagrad,
        [
            {"lr": 0.01},
            {"lr": 0.05, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-2},
        ],
    ),
    "Adadelta": (
        torch.optim.Adadelta,
        [{"lr": 0.3}, {"lr": 0.1, "rho": 0.95, "eps": 1e-5, "weight_decay": 0.1}],
    ),
    "LowPass": (
        torch.optim.SGD,
        [{"lr": 0.01, "momentum": 0.9}, {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.1}],
    ),
}
"""torch's class and keyword arguments, at least two sets, that mean this rule.

All below the edge of stability of `loss`: above it the last bit of a rounding grows to 1e-8 within 200
steps, and two correct programs differ by that much.
"""

OWN = {"Newton": [{"lr": 0.5, "damping": 8.0}, {"lr": 0.8, "damping": 30.0, "weight_decay": 0.3, "floor": 1e-4}]}
"""Arguments of rules that torch does not have."""


def _root(buffer):
    return lambda rule, state: state[buffer]["w"].sqrt() + rule.eps


FROZEN = {
    "RMSprop": ({"square_avg": 0.09}, _root("square_avg")),
    "Adam": ({"exp_avg_sq": 0.09}, _root("exp_avg_sq")),
    "AdamW": ({"exp_avg_sq": 0.09}, _root("exp_avg_sq")),
    "AMSGrad": ({"exp_avg_sq": 0.01, "max_exp_avg_sq": 0.09}, _root("max_exp_avg_sq")),
    "Adagrad": ({"sum": 0.09}, _root("sum")),
    "Adamax": ({"exp_inf": 0.3}, lambda rule, state: state["exp_inf"]["w"]),
    "Adadelta": (
        {"square_avg": 0.09, "acc_delta": 0.04},
        lambda rule, state: (state["square_avg"]["w"] + rule.eps).sqrt() / (0.04 + rule.eps) ** 0.5,
    ),
}
"""What an adaptive rule divides by: its buffers held at a value, and d from the state after a step."""

LINEAR = {
    "SGD": "gradient_descent",
    "Momentum": "heavy_ball",
    "Nesterov": "nesterov",
    "LowPass": "low_pass",
    "Newton": "newton",
}
"""The name in `theory.stability` of a rule that is a linear map on a quadratic."""


def _straight(rule, g, w, steps):
    return w - steps * rule.lr * g / (abs(g) + rule.eps)


def _shrinking(rule, g, w, steps):
    kept = (1 - rule.lr * rule.weight_decay) ** steps
    return kept * w - rule.lr * g / (abs(g) + rule.eps) * (1 - kept) / (rule.lr * rule.weight_decay)


def _rms(rule, g, w, steps):
    t = np.arange(1, steps + 1)
    sizes = g / (abs(g) * np.sqrt(1 - rule.alpha**t) + rule.eps)
    return w - rule.lr * (sizes * (1 - rule.momentum ** (steps + 1 - t)) / (1 - rule.momentum)).sum()


def _harmonic(rule, g, w, steps):
    t = np.arange(1, steps + 1)
    root = np.sqrt(rule.initial_accumulator_value + t * g * g)
    return w - (rule.lr / (1 + (t - 1) * rule.lr_decay) * g / (root + rule.eps)).sum()


def _delta(rule, g, w, steps):
    u = 0.0
    for t in range(1, steps + 1):
        d = ((u + rule.eps) / (g * g * (1 - rule.rho**t) + rule.eps)) ** 0.5 * g
        u = rule.rho * u + (1 - rule.rho) * d * d
        w = w - rule.lr * d
    return w


CONSTANT = {
    "Adam": _straight,
    "AMSGrad": _straight,
    "Adamax": _straight,
    "AdamW": _shrinking,
    "RMSprop": _rms,
    "Adagrad": _harmonic,
    "Adadelta": _delta,
}
"""Where an adaptive rule is after a number of steps with one constant gradient, without coupled weight decay."""

MEMBERS, STEPS = 4, 200

X = torch.randn(16, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(100))
Y = torch.stack([X.prod(1), X.square().sum(1)], 1)


def start(member: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(member)
    shapes = {"w1": (6, 3), "b1": (6,), "w2": (2, 6), "scale": (1,)}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


def loss(params: dict[str, Tensor]) -> Tensor:
    """Mean squared error of a small tanh network on fixed data: neither convex nor separable."""
    x, y = X.to(params["w1"].dtype), Y.to(params["w1"].dtype)
    out = params["scale"] * torch.tanh(x @ params["w1"].mT + params["b1"]) @ params["w2"].mT
    return (out - y).square().mean()


def gradients(params: dict[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of `loss` by hand, of one network or of each in a stack: ten times as fast as autograd here."""
    x, y = X.to(params["w1"].dtype), Y.to(params["w1"].dtype)
    scale = params["scale"].unsqueeze(-1)
    hidden = torch.tanh(x @ params["w1"].mT + params["b1"].unsqueeze(-2))
    plain = hidden @ params["w2"].mT
    back = 2 * (scale * plain - y) / y.numel()
    inside = (scale * back @ params["w2"]) * (1 - hidden * hidden)
    return {
        "w1": inside.mT @ x,
        "b1": inside.sum(-2),
        "w2": (scale * back).mT @ hidden,
        "scale": (back * plain).sum((-2, -1)).unsqueeze(-1),
    }


def batched_loss(params: dict[str, Tensor]) -> Tensor:
    return torch.func.vmap(loss)(params)


def run(rule: Rule, params: dict[str, Tensor], gradient=gradients, steps: int = STEPS) -> dict[str, Tensor]:
    state = rule.init(params)
    for _ in range(steps):
        params, state = rule.update(gradient(params), state, params)
    return params


def stacked(members: range) -> dict[str, Tensor]:
    singles = [start(e) for e in members]
    return {name: torch.stack([single[name] for single in singles]) for name in singles[0]}


def made(name: str, which: int = 0, **more) -> Rule:
    """The rule with one set of hyper-parameters, by way of torch where torch has it."""
    if name in OWN:
        return ALL[name](**{"loss": batched_loss, **OWN[name][which], **more})
    kind, options = TORCH[name]
    return ALL[name].from_torch(kind([torch.zeros(1)], **options[which]).param_groups[0])


def hypers(rule) -> list[str]:
    """The fields that may differ by member."""
    return [field.name for field in fields(rule) if "PerMember" in field.type]


def spread(name: str) -> Rule:
    """A rule whose every hyper-parameter differs by member: between the two first sets of TORCH."""
    first, second = made(name, 0), made(name, 1)
    share = torch.linspace(0, 1, MEMBERS, dtype=torch.float64)

    def between(a, b):
        if isinstance(a, tuple):
            return tuple(between(x, y) for x, y in zip(a, b, strict=True))
        return a + (b - a) * share

    return replace(first, **{f: between(getattr(first, f), getattr(second, f)) for f in hypers(first)})


def alone(rule: Rule, member: int) -> Rule:
    """The rule of one member, with floats, for parameters that are not stacked."""

    def one(value):
        return tuple(map(one, value)) if isinstance(value, tuple) else float(value[member])

    single = {"stacked": False, "loss": loss} if hasattr(rule, "stacked") else {}
    return replace(rule, **{f: one(getattr(rule, f)) for f in hypers(rule)}, **single)


def test_the_gradient_by_hand_is_autograds():
    params = stacked(range(MEMBERS))
    found, exact = gradients(params), torch.func.vmap(torch.func.grad(loss))(params)
    for key in params:
        torch.testing.assert_close(found[key], exact[key], rtol=1e-12, atol=1e-14)


def test_every_file_of_the_folder_is_listed():
    files = {path.stem for path in Path(optimizers.__file__).parent.glob("*.py")}
    assert {name for name in files if not name.startswith("_")} == {name.lower() for name in ALL}
    assert set(TORCH) | set(OWN) == set(ALL), "each rule needs its counterpart in torch"
    assert set(LINEAR) | set(CONSTANT) == set(ALL), "each rule needs a path in closed form"


@pytest.mark.parametrize("name", ALL)
def test_a_rule_is_a_frozen_dataclass_with_torchs_names_and_defaults(name):
    rule = ALL[name]
    assert is_dataclass(rule)
    assert rule.__dataclass_params__.frozen
    theirs = inspect.signature(TORCH[name][0]).parameters if name in TORCH else {}
    for field in fields(rule):
        if field.name in theirs and (field.name != "momentum" or name == "RMSprop"):  # torch's 0 would be no momentum
            assert field.default == theirs[field.name].default


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("which", [0, 1])
def test_equals_torch_over_two_hundred_steps(name, which):
    kind, options = TORCH[name]
    for member in range(2):
        params = {key: torch.nn.Parameter(value) for key, value in start(member).items()}
        theirs = kind(params.values(), **options[which])
        rule = made(name, which)
        assert of(theirs) == rule or (name == "LowPass" and type(of(theirs)) is ALL["Momentum"])
        for _ in range(STEPS):
            for key, grad in gradients({key: value.detach() for key, value in params.items()}).items():
                params[key].grad = grad
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
        found = gradients({key: value.double() for key, value in now.items()})
        return {key: value.to(dtype) for key, value in found.items()}

    steps = 10 if name in OWN else 60  # a Newton step costs as many passes as there are weights
    together = run(rule, params, gradient, steps)
    for member in range(MEMBERS):
        single = run(alone(rule, member), {key: value[member] for key, value in params.items()}, gradient, steps)
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
    params, state = rule.update(gradients(params), state, params)
    grads = gradients(params)
    copies = [{k: v.clone() for k, v in params.items()}, {k: v.clone() for k, v in grads.items()}]
    first, after = rule.update(grads, state, params)
    again, after_again = rule.update(grads, state, params)
    for key in params:
        assert torch.equal(params[key], copies[0][key])
        assert torch.equal(grads[key], copies[1][key])
        assert torch.equal(first[key], again[key])
    assert str(after) == str(after_again)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_in_place_is_the_pure_update_to_the_last_bit(name, dtype):
    rule, params = spread(name), {key: value.to(dtype) for key, value in stacked(range(MEMBERS)).items()}
    mine, state = {key: value.clone() for key, value in params.items()}, rule.init(params)
    own = copied(state)
    held = {id(value) for value in mine.values()}
    for _ in range(20):
        grads = {key: value.to(dtype) for key, value in gradients({k: p.double() for k, p in params.items()}).items()}
        before = {key: value.clone() for key, value in grads.items()}
        params, state = rule.update(grads, state, params)
        assert rule.step_(mine, grads, own) is None
        assert all(torch.equal(grads[key], before[key]) for key in grads)
    assert {id(value) for value in mine.values()} == held
    for key in params:
        assert torch.equal(params[key], mine[key])
    assert str(state) == str(own)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("which", [0, 1])
def test_its_path_on_a_quadratic_is_the_closed_form(name, which):
    """All directions of a spectrum as members; a Newton step knows the curvature from its loss."""
    spectrum = torch.tensor([-0.2, 0.0, 1e-3, 0.3, 1.0, 7.0], dtype=torch.float64)
    rule = made(name, which, loss=lambda p: spectrum / 2 * p["w"].squeeze(1) ** 2)
    names = set(inspect.signature(getattr(stability, LINEAR[name])).parameters) & set(hypers(rule))
    curvature = (spectrum + rule.weight_decay).abs() if name == "Newton" else spectrum + rule.weight_decay
    params = {"w": torch.full((6, 1), 1.5, dtype=torch.float64)}
    state, path = rule.init(params), [params["w"]]
    for _ in range(60):
        params, state = rule.update({"w": spectrum[:, None] * params["w"]}, state, params)
        path.append(params["w"])
    found = torch.stack(path)[:, :, 0].numpy()
    expected = stability.iterates(
        LINEAR[name], rule.lr, curvature.numpy(), range(61), start=1.5, **{n: getattr(rule, n) for n in names}
    )
    # Where |H| is not H, the gradient has the other sign: the same factor on the other side of 1.
    usual = (spectrum + rule.weight_decay).numpy() >= 0 if name == "Newton" else slice(None)
    assert np.abs(found - expected)[:, usual].max() < 1e-11 * np.abs(expected).max()
    if name == "Newton" and which == 0:
        assert found[-1, 0] == pytest.approx(1.5 * (1 + 0.5 * 0.2 / 8.2) ** 60, rel=1e-10)


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("which", [0, 1])
def test_its_path_under_a_constant_gradient_is_the_closed_form(name, which):
    """A loss that is linear. Weight decay that is part of the gradient is left out, decoupled decay is not."""
    rule = made(name, which) if name == "AdamW" else replace(made(name, which), weight_decay=0.0)
    for g in (0.3, -20.0):
        params = {"w": torch.tensor([2.0], dtype=torch.float64)}
        state = rule.init(params)
        for _ in range(150):
            params, state = rule.update({"w": torch.full_like(params["w"], g)}, state, params)
        assert params["w"].item() == pytest.approx(CONSTANT[name](rule, g, 2.0, 150), rel=1e-11)


@pytest.mark.parametrize("name", ALL)
def test_an_update_records_no_graph(name):
    rule = spread(name)
    params = {key: value.requires_grad_() for key, value in stacked(range(MEMBERS)).items()}
    moved, _ = rule.update(gradients(params), rule.init(params), params)
    assert not any(value.requires_grad for value in moved.values())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_member_that_is_not_finite_touches_no_other(name, bad):
    """Trap 3: nothing in an update may run over the members."""
    rule, params = spread(name), stacked(range(MEMBERS))
    clean = run(rule, params, gradients, steps=20)

    def poisoned(now):
        grads = {key: value.clone() for key, value in gradients(now).items()}
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
        params, state = rule.update(gradients(params), state, params)
    few_rule, few_state, few = take(rule, stay), take(state, stay), take(params, stay)
    for _ in range(10):
        params, state = rule.update(gradients(params), state, params)
        few, few_state = few_rule.update(gradients(few), few_state, few)
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
    rule = made(name, which, loss=lambda p: curvature / 2 * p["w"].squeeze(1) ** 2)
    tiny = 1e-9
    params = {"w": torch.full((2, 1), tiny, dtype=torch.float64)}
    state = rule.init(params)
    sharpness, held = curvature, {}
    if "step" in state:
        state["step"] = 10**6
        rule = replace(rule, lr_decay=0.0) if name == "Adagrad" else rule
    if name in FROZEN:
        buffers, divisor = FROZEN[name]
        held = {key: {"w": torch.full((2, 1), value, dtype=torch.float64)} for key, value in buffers.items()}
        _, after = rule.update({"w": 0 * params["w"]}, {**state, **copied(held)}, params)
        d = float(divisor(rule, after)[0])
        # Coupled weight decay is part of the gradient, which d divides; decoupled decay is not.
        sharpness = (curvature + (0.0 if name == "AdamW" else rule.weight_decay)) / d
    limit = rule.stable_lr(sharpness)
    rule = replace(rule, lr=torch.tensor([0.98 * limit, 1.02 * limit], dtype=torch.float64))
    path = []
    for _ in range(600):
        params, state = rule.update({"w": curvature * params["w"]}, {**state, **copied(held)}, params)
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
    for field in hypers(rule()):
        if field != "dampening":
            worst = (0.9, -1.0) if field == "betas" else torch.tensor([0.5, -1.0])
            with pytest.raises(ValueError, match=rf"{field}: given -1.*needed (at least|above) 0"):
                rule(**{field: worst})
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
    rule, params = ALL[name](), {"w": torch.zeros(3), "b": torch.zeros(3, 2)}
    with pytest.raises(ValueError, match=r"Given gradients for \['w'\], needed one for each of \['b', 'w'\]"):
        rule.update({"w": torch.zeros(3)}, rule.init(params), params)


@pytest.mark.parametrize("name", ALL)
def test_a_scalar_tensor_is_a_number(name):
    assert ALL[name](lr=torch.tensor(0.25)) == ALL[name](lr=0.25)
