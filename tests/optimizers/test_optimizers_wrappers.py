"""Schedules and clips around any rule, against torch's own on a plain training loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainability.optimizers import SGD, Adam, Momentum, clipped, scheduled, schedules, take
from trainability.optimizers._rule import copied

S = torch.optim.lr_scheduler
STEPS = 40


def start(member: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(member)
    return {n: torch.randn(s, dtype=torch.float64, generator=generator) for n, s in {"w": (4, 3), "b": (4,)}.items()}


def stacked(members: int) -> dict[str, Tensor]:
    each = [start(e) for e in range(members)]
    return {name: torch.stack([one[name] for one in each]) for name in each[0]}


def gradient(p: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"w": torch.tanh(p["w"]) * 3, "b": p["b"] ** 3}


TORCHS = {
    "step": (schedules.Step(every=7, gamma=0.5), lambda o: S.StepLR(o, 7, gamma=0.5)),
    "cosine": (schedules.Cosine(total=STEPS, low=0.1), lambda o: S.CosineAnnealingLR(o, STEPS, eta_min=0.1 * 0.05)),
    "warmup": (schedules.Warmup(steps=9), lambda o: S.LinearLR(o, 1 / 3, total_iters=9)),
    "inverse": (schedules.InverseTime(decay=0.2), lambda o: S.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))),
    "constant": (schedules.Constant(0.5), lambda o: S.ConstantLR(o, 0.5, total_iters=1000)),
    "both": (
        schedules.Warmup(steps=8, begin=0.25, then=schedules.Step(every=5, gamma=0.3)),
        lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.25, total_iters=8), S.StepLR(o, 5, gamma=0.3)], [8]),
    ),
}


@pytest.mark.parametrize("name", TORCHS)
@pytest.mark.parametrize("kind", ["momentum", "adam"])
def test_a_scheduled_rule_is_torch_with_its_scheduler(name, kind):
    schedule, theirs = TORCHS[name]
    rule = Momentum(lr=0.05) if kind == "momentum" else Adam(lr=0.05)
    params = {key: torch.nn.Parameter(value) for key, value in start(0).items()}
    make = torch.optim.SGD if kind == "momentum" else torch.optim.Adam
    optimizer = make(params.values(), lr=0.05, **({"momentum": 0.9} if kind == "momentum" else {}))
    scheduler = theirs(optimizer)
    ours = scheduled(rule, schedule)
    now = start(0)
    state = ours.init(now)
    for step in range(STEPS):
        assert ours.at(step).lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        for key, value in gradient({k: p.detach() for k, p in params.items()}).items():
            params[key].grad = value
        optimizer.step()
        scheduler.step()
        now, state = ours.update(gradient(now), state, now)
    for key in now:
        torch.testing.assert_close(now[key], params[key].detach(), rtol=1e-11, atol=1e-12)


def test_schedules_may_differ_by_member():
    each = [
        (schedules.Step, {"every": [3.0, 5.0, 8.0], "gamma": [0.5, 0.1, 0.9]}),
        (schedules.Cosine, {"total": [10.0, 20.0, 40.0], "low": [0.0, 0.1, 0.5]}),
        (schedules.InverseTime, {"decay": [0.0, 0.1, 1.0], "power": [1.0, 0.5, 0.75]}),
        (schedules.Warmup, {"steps": [1.0, 5.0, 9.0], "begin": [0.0, 0.5, 0.1]}),
        (schedules.Constant, {"factor": [0.0, 0.5, 2.0]}),
    ]
    for kind, values in each:
        together = kind(**{key: torch.tensor(value, dtype=torch.float64) for key, value in values.items()})
        for step in range(30):
            found = together(step)
            for member in range(3):
                single = kind(**{key: value[member] for key, value in values.items()})(step)
                assert isinstance(single, float | int)
                assert found[member].item() == pytest.approx(single, rel=1e-13, abs=1e-16)


def test_a_warm_up_by_member_hands_over_by_member_also_when_members_leave():
    then = schedules.Warmup(steps=torch.tensor([2.0, 5.0]), begin=0.5, then=schedules.Step(every=3.0, gamma=0.1))
    nested = schedules.Warmup(steps=torch.tensor([3.0, 1.0]), then=then)
    for schedule, steps in ((then, [2.0, 5.0]), (nested, None)):
        for step in range(20):
            whole = schedule(step)
            for member in range(2):
                assert take(schedule, torch.tensor([member]))(step).item() == whole[member].item()
                if steps:
                    alone = schedules.Warmup(steps[member], 0.5, schedules.Step(every=3.0, gamma=0.1))
                    assert whole[member].item() == pytest.approx(alone(step), rel=1e-13)


def test_what_a_schedule_is_at_its_ends():
    assert schedules.Cosine(total=10, low=0.2)(10) == schedules.Cosine(total=10, low=0.2)(999) == pytest.approx(0.2)
    assert schedules.Warmup(steps=5, begin=0.0)(0) == 0.0
    robbins = schedules.InverseTime(decay=1.0, power=0.75)
    assert robbins(10**6) == pytest.approx((1 + 10**6) ** -0.75)


def test_clipped_is_clip_grad_norm_member_by_member():
    norms = torch.tensor([0.5, 3.0, 100.0], dtype=torch.float64)
    rule = clipped(Momentum(lr=0.05, weight_decay=0.1), norms)
    now = stacked(3)
    state = rule.init(now)
    for _ in range(20):
        now, state = rule.update(gradient(now), state, now)
    for member in range(3):
        params = {key: torch.nn.Parameter(value) for key, value in start(member).items()}
        optimizer = torch.optim.SGD(params.values(), lr=0.05, momentum=0.9, weight_decay=0.1)
        single = clipped(Momentum(lr=0.05, weight_decay=0.1), float(norms[member]), stacked=False)
        mine = start(member)
        own = single.init(mine)
        for _ in range(20):
            for key, value in gradient({k: p.detach() for k, p in params.items()}).items():
                params[key].grad = value
            torch.nn.utils.clip_grad_norm_(params.values(), float(norms[member]))
            optimizer.step()
            mine, own = single.update(gradient(mine), own, mine)
        for key, value in params.items():
            torch.testing.assert_close(now[key][member], value.detach(), rtol=1e-12, atol=1e-13)
            torch.testing.assert_close(mine[key], value.detach(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_clip_keeps_a_nan_in_its_member_where_torch_spreads_it(bad):
    """Trap 3, with torch's own function beside."""
    rule, params = clipped(SGD(lr=0.1), 1.0), stacked(3)
    grads = gradient(params)
    clean, _ = rule.update(grads, rule.init(params), params)
    grads["b"][1, 0] = bad
    dirty, _ = rule.update(grads, rule.init(params), params)
    for key in params:
        assert torch.equal(dirty[key][[0, 2]], clean[key][[0, 2]])
    theirs = {key: torch.nn.Parameter(value.clone()) for key, value in params.items()}
    for key, value in theirs.items():
        value.grad = grads[key].clone()
    torch.nn.utils.clip_grad_norm_(theirs.values(), 1.0)
    scaled = theirs["w"].grad[0] / grads["w"][0]
    assert scaled.isnan().all() or (scaled == 0).all(), "the clean member lost its gradient"


def test_wrappers_nest_and_stay_pure_and_in_place_is_the_same():
    inner = Adam(lr=torch.tensor([0.1, 0.01, 0.05]), betas=(0.9, 0.99))
    rule = scheduled(clipped(inner, torch.tensor([0.5, 1.0, 2.0])), schedules.Cosine(torch.tensor([5.0, 10.0, 20.0])))
    params = stacked(3)
    state = rule.init(params)
    mine, own = {k: p.clone() for k, p in params.items()}, copied(state)
    for _ in range(8):
        grads = gradient(params)
        before = copied(state)
        params, later = rule.update(grads, state, params)
        assert str(before) == str(state)
        state = later
        rule.step_(mine, grads, own)
    for key in params:
        assert torch.equal(params[key], mine[key])
    assert rule.stable_lr(2.0) is not None
    assert torch.equal(rule.lr, inner.lr)
    stay = torch.tensor([2, 0])
    few, few_state, few_params = take(rule, stay), take(state, stay), take(params, stay)
    for _ in range(5):
        params, state = rule.update(gradient(params), state, params)
        few_params, few_state = few.update(gradient(few_params), few_state, few_params)
    for key in params:
        torch.testing.assert_close(few_params[key], params[key][stay], rtol=1e-13, atol=1e-14)
    swapped = clipped(scheduled(SGD(lr=0.5), schedules.Step(1, 0.5)), 1e9)
    theta = {"w": torch.zeros(1, 1)}
    now = swapped.init(theta)
    for _ in range(3):
        theta, now = swapped.update({"w": torch.ones(1, 1)}, now, theta)
    assert theta["w"].item() == pytest.approx(-0.875, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: clipped(SGD(), -1.0), "max_norm: given -1"),
        (lambda: clipped(SGD(), math.nan), "max_norm: given nan"),
        (lambda: clipped(SGD(), torch.ones(2), stacked=False), "stacked=False and values per member"),
        (lambda: clipped(SGD(), 1.0).init(start(0) | {"b": torch.zeros(5)}), "Pass stacked=False"),
        (lambda: clipped(SGD(), torch.ones(2)).init(stacked(3)), "for 2 members"),
        (lambda: scheduled(SGD(), 0.5), "needed a function of the step number"),
        (lambda: scheduled(SGD(), schedules.Constant(torch.ones(2))).init(stacked(3)), "for 2 members"),
        (lambda: scheduled(SGD(), lambda step: -1.0).at(0), "needed at least 0"),
        (lambda: scheduled(SGD(), lambda step: math.nan).at(3), "at step 3"),
        (lambda: schedules.Step(every=0), "every: given 0"),
        (lambda: schedules.Cosine(total=torch.tensor([5.0, math.nan])), "total: given nan for 1 of 2"),
        (lambda: schedules.InverseTime(decay=-1.0), "decay: given -1"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
