"""Negative slopes, the output weight and the reach of adaptive rules, each by another path than its closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import approx_fprime, minimize

from trainability import optimizers
from trainability.errors import UnknownNameError
from trainability.theory import descend
from trainability.theory.one_relu import (
    crossing,
    leaky_fixed_point,
    loss_surface,
    negative_slope,
    output_weight,
    scale_free,
)
from trainability.theory.teacher_student import hessian
from trainability.theory.teacher_student import loss as two_layer_loss

SLOPES = [
    (-0.5, -0.5),
    (-1.0, -1.0),
    (-2.0, -2.0),
    (0.0, 0.0),
    (0.3, 0.3),
    (-0.5, 0.0),
    (-1.5, 0.0),
    (-0.8, 0.2),
    (-2.0, 0.7),
]


def leaky(z, slope):
    return np.where(z > 0, z, slope * z)


def polar(r, t, d=3):
    w = np.zeros(d)
    w[:2] = r * np.cos(t), r * np.sin(t)
    return w


TEACHER = np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize(("c", "s"), SLOPES)
def test_loss_against_monte_carlo(c, s):
    # means of 400,000; false alarm 6e-5 for each at 4 standard errors
    x = np.random.default_rng(0).standard_normal((400_000, 3))
    for r, t in ((1.0, 0.4), (0.7, 2.0), (1.6, 3.0)):
        seen = 0.5 * (leaky(x @ polar(r, t), c) - leaky(x[:, 0], s)) ** 2
        told = float(negative_slope.loss(r, t, c, s))
        assert abs(seen.mean() - told) < 4 * seen.std() / math.sqrt(len(x))


@pytest.mark.parametrize(("c", "s"), SLOPES)
def test_gradient_is_that_of_the_loss(c, s):
    def value(w):
        r = float(np.linalg.norm(w))
        return float(negative_slope.loss(r, math.acos(w[0] / r), c, s))

    for r, t in ((1.0, 0.4), (0.7, 2.0), (1.6, 2.9)):
        w = polar(r, t)
        np.testing.assert_allclose(
            negative_slope.gradient(w, TEACHER, c, s), approx_fprime(w, value, 1e-7), atol=3e-6
        )  # fmt: skip


@pytest.mark.parametrize("c", [-2.0, -1.0, -0.4, 0.0, 0.3])
def test_equal_slopes_are_a_two_layer_network_with_one_row(c):
    w = polar(0.8, 1.9)
    told = two_layer_loss(w[None], TEACHER[None], slope=c)
    assert float(negative_slope.loss(0.8, 1.9, c)) == pytest.approx(float(told), abs=1e-14)


@pytest.mark.parametrize(("c", "s"), SLOPES)
def test_minima_are_those_that_descent_finds(c, s):
    rng, ends = np.random.default_rng(1), []
    for w in rng.standard_normal((25, 3)):
        found = minimize(
            lambda w: float(negative_slope.loss(np.linalg.norm(w), math.acos(w[0] / np.linalg.norm(w)), c, s)),
            w, jac=lambda w: negative_slope.gradient(w, TEACHER, c, s), method="BFGS", options={"gtol": 1e-9},
        )  # fmt: skip
        ends.append((*found.x, found.fun))
    told = {round(p.norm * math.cos(p.angle), 4): p.loss for p in negative_slope.minima(c, s)}
    seen = {round(e[0], 4): e[3] for e in ends}
    assert set(seen) == set(told)
    for at, value in seen.items():
        assert value == pytest.approx(told[at], abs=1e-9)
    assert max(abs(np.array(ends)[:, 1:3]).max(), 0) < 1e-4


@pytest.mark.parametrize(("c", "s"), [(-0.5, -0.5), (-1.0, -1.0), (-3.0, -3.0), (-0.5, 0.0), (-1.5, 0.0), (-2.0, 0.4)])
def test_the_saddle_and_its_curvatures(c, s):
    at = negative_slope.saddle(c, s)
    w = polar(at.norm, at.angle)
    np.testing.assert_allclose(negative_slope.gradient(w, TEACHER, c, s), 0, atol=1e-14)
    assert float(negative_slope.loss(at.norm, at.angle, c, s)) == pytest.approx(at.loss, abs=1e-14)
    h = np.array([negative_slope.gradient(w + e, TEACHER, c, s) - negative_slope.gradient(w - e, TEACHER, c, s)
                  for e in 1e-5 * np.eye(3)]) / 2e-5  # fmt: skip
    np.testing.assert_allclose(np.linalg.eigvalsh(h), sorted([*at.curvatures, 0.0]), atol=1e-5)
    assert at.curvatures == pytest.approx(((1 + c * c) / 2, -(1 + c * c) / 2))
    for point in negative_slope.minima(c, s):
        assert point.loss < at.loss
        w = polar(point.norm, point.angle + 1e-9)
        h = np.array([negative_slope.gradient(w + e, TEACHER, c, s) - negative_slope.gradient(w - e, TEACHER, c, s)
                      for e in 1e-4 * np.eye(3)]) / 2e-4  # fmt: skip
        np.testing.assert_allclose(np.linalg.eigvalsh((h + h.T) / 2), (1 + c * c) / 2, rtol=0.02)


def test_hessian_of_the_two_layer_network_agrees_at_the_saddle():
    at = negative_slope.saddle(-0.5)
    w = polar(at.norm, at.angle)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(hessian(w[None], TEACHER[None], slope=-0.5)), [-0.625, 0, 0.625], atol=1e-12
    )


@pytest.mark.parametrize("c", [-2.0, -1.0, -0.5, -0.1])
def test_the_basin_is_a_cone(c):
    edge = negative_slope.basin_angle(c)
    for r in (0.05, 1.0, 4.0):
        for off, want in ((-0.01, 0.0), (0.01, math.pi)):
            time = 80 / (1 + c * c)
            flow = solve_ivp(
                lambda _, w: -negative_slope.gradient(w, TEACHER, c), (0, time), polar(r, edge + off), rtol=1e-9, atol=1e-12
            )  # fmt: skip
            w = flow.y[:, -1]
            assert abs(math.acos(np.clip(w[0] / np.linalg.norm(w), -1, 1)) - want) < 1e-3


@pytest.mark.parametrize("d", [1, 2, 4])
def test_shares_are_those_of_descent_from_random_starts(d):
    starts = np.random.default_rng(2).standard_normal((2000, 1, d))
    v = np.eye(d)[:1]
    for c in (-2.0, -0.5, -0.1, 0.2):
        told = negative_slope.aligned_share(c, d)
        ends = descend(starts, v, lr=0.05 / (1 + c * c), tol=1e-7, max_steps=40_000, slope=c)
        seen = (ends.W[:, 0, 0] > 0).mean()
        # 4 standard errors of 2000 starts, and the steps' length near the edge
        assert abs(seen - told) < 4 * math.sqrt(max(told * (1 - told), 1e-4) / 2000) + 0.004, (c, seen)


def test_share_is_the_area_of_a_cap():
    x = np.random.default_rng(3).standard_normal((200_000, 10))
    seen = (np.arccos(x[:, 0] / np.linalg.norm(x, axis=1)) < negative_slope.basin_angle(-0.5)).mean()
    assert seen == pytest.approx(negative_slope.aligned_share(-0.5, 10), abs=0.005)
    assert negative_slope.aligned_share(-0.5, 2) == pytest.approx(5 / 9)
    assert negative_slope.aligned_share(-0.5, 2, 0.0) == pytest.approx(2 / 3)
    assert negative_slope.aligned_share(-1.0, 7) == pytest.approx(0.5)
    assert negative_slope.aligned_share(0.0, 1) == 0.5
    assert negative_slope.aligned_share(-3.0, 2, 0.5) == 0.0


def test_slopes_c_and_1_over_c_are_one_landscape():
    for c in (-0.2, -0.6, -4.0):
        np.testing.assert_allclose(
            negative_slope.loss(1.3, [0.2, 1.7, 3.0], c),
            c * c * negative_slope.loss(1.3, [0.2, 1.7, 3.0], 1 / c),
            rtol=1e-13,
        )
        assert negative_slope.basin_angle(c) == pytest.approx(negative_slope.basin_angle(1 / c), rel=1e-13)


def test_in_one_dimension_it_is_leaky_fixed_point():
    for c in (-1.7, -0.3, 0.0, 0.4):
        seen = [(p.norm * math.cos(p.angle), p.loss, p.global_) for p in negative_slope.minima(c, 0.0)]
        want = [(p.weight, p.loss, p.global_) for p in leaky_fixed_point.fixed_points(c)]
        for one, other in zip(seen, want, strict=True):
            assert one == pytest.approx(other)


def test_without_either_minimum_0_attracts():
    assert negative_slope.minima(-0.5, 3.0) == ()
    assert negative_slope.basin_angle(-0.5, 3.0) == 0.0
    for t in np.linspace(0.01, 3.13, 20):
        w = polar(1e-3, t)
        assert w @ negative_slope.gradient(w, TEACHER, -0.5, 3.0) > 0


def test_bad_slopes():
    with pytest.raises(ValueError, match="finite"):
        negative_slope.minima(math.nan)
    with pytest.raises(ValueError, match="norm"):
        negative_slope.loss(-1.0, 0.0, -1.0)


def test_output_weight_against_runge_kutta():
    rng = np.random.default_rng(4)
    w, a = rng.standard_normal((2, 300))
    ends = output_weight.limit(w, a)
    good = output_weight.succeeds(w, a)
    assert abs(good.mean() - output_weight.SHARE) < 4 * math.sqrt(0.375 * 0.625 / 300)
    for i in range(0, 300, 12):
        if abs(abs(w[i]) - abs(a[i])) < 0.1:
            continue

        def field(_, p):
            g = loss_surface.gradient(p[0], 0.0, p[1])
            return -g[0], -g[2]

        def at_zero(_, p):
            return abs(p[0]) - 1e-9

        at_zero.terminal = True
        flow = solve_ivp(field, (0, 400.0), [w[i], a[i]], rtol=1e-10, atol=1e-12, events=at_zero)
        np.testing.assert_allclose(flow.y[:, -1], [ends[0][i], ends[1][i]], atol=2e-4)


def test_output_weight_steps_are_those_of_the_gradient():
    end = output_weight.descend([0.5, -0.4], [-0.3, 1.2], 0.3, 1)
    for i, (w, a) in enumerate([(0.5, -0.3), (-0.4, 1.2)]):
        g = loss_surface.gradient(w, 0.0, a)
        assert end.weight[i] == pytest.approx(w - 0.3 * g[0])
        assert end.output[i] == pytest.approx(a - 0.3 * g[2])
    assert output_weight.descend(-0.1, 1.05 * output_weight.jump_radius(0.7), 0.7, 1).weight > 0
    assert output_weight.descend(-0.1, 0.95 * output_weight.jump_radius(0.7), 0.7, 1).weight < 0


def test_nesterov_is_its_recursion():
    rng = np.random.default_rng(5)
    for _ in range(60):
        lr, beta = 10 ** rng.uniform(-3, 0.3), rng.uniform(0, 0.99)
        w, b, seen = -1.0, 0.0, None
        for t in range(1, 3000):
            b = beta * b + w
            w -= lr * (w + beta * b)
            if w > 0:
                seen = t
                break
        told = crossing.nesterov_crossing_step(lr, beta, convention="mse")
        assert seen == (told if told is not None and told < 3000 else None)


@pytest.mark.parametrize("rule", scale_free.RULES)
def test_reach_is_that_of_the_update_rules_whatever_lr_and_data(rule):
    steps = 400
    inside, outside = (scale_free.reach(rule, steps) * f for f in (0.97, 1.03))
    made = next(r for name, r in optimizers.ALL.items() if name.lower() == rule)
    for lr, below in ((0.003, 0.31), (0.2, 0.5)):
        w = {"w": -lr * torch.tensor([inside, outside], dtype=torch.float64)}
        one = made(lr=lr, eps=1e-30)
        state, passed = one.init(w), torch.zeros(2, dtype=torch.bool)
        for _ in range(steps):
            w, state = one.update({"w": torch.where(w["w"] < 0, 2 * below * w["w"], 0.0)}, state, w)
            passed |= w["w"] > 1e-290  # below, rounding decides
        assert passed.tolist() == [True, False]


def test_who_forgets_reaches_farther_with_time():
    far = {rule: [scale_free.reach(rule, steps) for steps in (1000, 4000)] for rule in scale_free.RULES}
    assert far["adagrad"] == [1.0, 1.0]
    assert all(far[rule][1] > 1.5 * far[rule][0] for rule in ("rmsprop", "adam", "adamax"))
    assert far["amsgrad"][1] < 1.2 * scale_free.reach("amsgrad", 2000)
    with pytest.raises(UnknownNameError):
        scale_free.reach("sgd", 10)
    # spelt out: Adam of any lr starts to turn at √v = 38 lr lam, momentum 0.9 of lr lam/√v/10 at 0.00263
    assert scale_free.turning_ratio(0.9) == pytest.approx(0.1 / (1 - math.sqrt(0.9)) ** 2)
