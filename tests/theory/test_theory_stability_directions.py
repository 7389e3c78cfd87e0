"""Paths, steps and optima in closed form, against the rules run step by step and against search."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from trainability.errors import UnknownNameError
from trainability.theory import stability
from trainability.theory.stability import low_pass_filter, optimum, quartic


def walk(rule, lr, lam, steps, **hyper):
    """The rule written out with plain floats: the slow way to the same path."""
    w, buf, path = 1.0, 0.0, [1.0]
    for step in range(steps):
        g = lam * w
        if rule == "gradient_descent":
            w -= lr * g
        elif rule == "heavy_ball":
            damped = 0.0 if step == 0 else hyper.get("dampening", 0.0)
            buf = hyper["momentum"] * buf + (1 - damped) * g
            w -= lr * buf
        elif rule == "nesterov":
            buf = hyper["momentum"] * buf + g
            w -= lr * (g + hyper["momentum"] * buf)
        elif rule == "low_pass":
            buf = (1 - hyper["weight"]) * buf - hyper["weight"] * g
            w += lr * buf
        elif rule == "adamw":
            buf = hyper["beta1"] * buf + (1 - hyper["beta1"]) * g
            w = (1 - lr * hyper["weight_decay"]) * w - lr * buf
        elif rule == "newton":
            w -= lr * g / (lam + hyper["damping"])
        path.append(w)
    return np.array(path)


CASES = [
    ("gradient_descent", {}),
    ("heavy_ball", {"momentum": 0.9}),
    ("heavy_ball", {"momentum": 0.7, "dampening": 0.4}),
    ("nesterov", {"momentum": 0.9}),
    ("low_pass", {"weight": 0.1}),
    ("low_pass", {"weight": 1.0}),
    ("adamw", {"beta1": 0.9, "weight_decay": 0.02}),
    ("newton", {"damping": 0.5}),
]


@pytest.mark.parametrize(("rule", "hyper"), CASES)
@pytest.mark.parametrize("lr", [0.01, 0.1, 0.7])
def test_iterates_equal_the_rule_walked(rule, hyper, lr):
    spectrum = np.array([-0.3, 0.0, 1e-3, 0.01, 0.2, 1.0, 1.4])
    found = stability.iterates(rule, lr, spectrum, np.arange(301), **hyper)
    for lam, column in zip(spectrum, found.T, strict=True):
        path = walk(rule, lr, lam, 300, **hyper)
        assert np.abs(column - path).max() <= 1e-11 * np.abs(path).max(), (rule, lam)


def test_iterates_where_the_roots_meet():
    """At the critical momentum the two exponentials are one and their difference quotient is a product with t."""
    for lam in (1e-3, 0.25, 1.0):
        b = stability.critical_momentum(0.3, lam)
        assert stability.iterates("heavy_ball", 0.3, lam, 50, momentum=b) == pytest.approx(
            walk("heavy_ball", 0.3, lam, 50, momentum=b)[-1], rel=1e-9
        )
        for shift in (1 - 1e-7, 1 + 1e-7):
            assert stability.iterates("heavy_ball", 0.3, lam, 50, momentum=b * shift) == pytest.approx(
                walk("heavy_ball", 0.3, lam, 50, momentum=b * shift)[-1], rel=1e-8
            )


@pytest.mark.parametrize(("rule", "hyper"), CASES)
def test_settling_steps_are_the_last_step_outside_plus_one(rule, hyper):
    for lr, lam in [(0.01, 1.0), (0.1, 0.3), (0.5, 1.7), (0.9, 0.05), (1.0, 1.0)]:
        if stability.spectral_radius(rule, lr, lam, **hyper) > 0.999:
            continue
        path = np.abs(walk(rule, lr, lam, 30000, **hyper))
        last = np.flatnonzero(path > 1e-3).max()
        assert stability.settling_steps(rule, lr, lam, **hyper) == last + 1, (rule, lr, lam)


def test_settling_of_very_slow_directions():
    steps = stability.settling_steps("gradient_descent", 1.0, 1e-7)
    assert steps == np.ceil(log(1e-3) / np.log1p(-1e-7))
    assert stability.settling_steps("gradient_descent", 1.0, [0.0, -1.0, 3.0]).tolist() == [inf] * 3
    with pytest.raises(ValueError, match="tolerance"):
        stability.settling_steps("gradient_descent", 1.0, 1.0, tolerance=1.0)


def test_settling_of_slow_directions_with_momentum():
    """By bisection there; walked in chunks of the closed form here, a million steps and more."""
    for rule, lr, lam, hyper in [
        ("heavy_ball", 1e-3, 1e-3, {"momentum": 0.9}),
        ("nesterov", 1e-5, 0.1, {"momentum": 0.5}),
        ("low_pass", 1e-6, 1.0, {"weight": 1.0}),
        ("heavy_ball", 3.8 * (1 - 2e-7), 1.0, {"momentum": 0.9}),
        ("heavy_ball", 1e-12, 1.0, {"momentum": 1 - 2e-6}),
        ("gradient_descent", 2 - 1e-6, 1.0, {}),
    ]:
        found = int(stability.settling_steps(rule, lr, lam, **hyper))
        assert found > 10**5
        around = np.abs(stability.iterates(rule, lr, lam, np.arange(found - 2, found + 50000), **hyper))
        assert around[1] > 1e-3, rule
        assert (around[2:] <= 1e-3).all(), rule


def test_momentum_settles_in_the_square_root_of_the_steps():
    """What momentum does for the smallest singular value: k becomes sqrt k, and every direction gets the same rate."""
    spectrum = np.geomspace(1.0, 1e4, 9)
    plain, ball = optimum.gradient_descent(1.0, 1e4), optimum.heavy_ball(1.0, 1e4)
    one = stability.directions("gradient_descent", plain.lr, spectrum)
    two = stability.directions("heavy_ball", ball.lr, spectrum, momentum=ball.momentum)
    assert one.steps.max() == pytest.approx(log(1e-3) / log(plain.rate), rel=1e-3)
    assert two.steps.max() < one.steps.max() / 40  # 50 by the rates, less for the equal roots at the ends
    assert np.allclose(two.rate, ball.rate, rtol=1e-6)
    assert set(two.kind[1:-1]) == {"swings"}


def test_kinds():
    found = stability.directions("gradient_descent", 1.0, [-1.0, 0.0, 0.5, 1.5, 2.5, np.nan])
    assert found.kind.tolist() == ["grows", "still", "creeps", "alternates", "grows", "nan"]
    assert found.rate[:-1].tolist() == [2.0, 1.0, 0.5, 0.5, 1.5]


@pytest.mark.parametrize(
    ("rule", "free"), [("heavy_ball", "momentum"), ("nesterov", "momentum"), ("low_pass", "weight")]
)
@pytest.mark.parametrize("k", [3.0, 10.0, 100.0])
def test_no_search_finds_a_better_optimum(rule, free, k):
    spectrum = np.geomspace(1.0, k, 41)
    best = getattr(optimum, rule)(1.0, k)
    where = {free: getattr(best, free)}
    assert stability.spectral_radius(rule, best.lr, spectrum, **where).max() == pytest.approx(best.rate, abs=3e-7)

    def worst(point):
        lr, inner = best.lr * np.exp(point[0]), 1 / (1 + np.exp(-point[1]))
        return stability.spectral_radius(rule, lr, spectrum, **{free: inner}).max()

    rng = np.random.default_rng(0)
    for _ in range(4):
        found = minimize(worst, rng.normal(0, 1, 2), method="Nelder-Mead", options={"maxfev": 250})
        assert found.fun >= best.rate - 1e-6


def test_golden_rates():
    """k = 10, 100, 1e4; worked out by hand from (sqrt k - 1)/(sqrt k + 1) and (k - 1)/(k + 1)."""
    assert np.round(optimum.heavy_ball(1.0, [10.0, 100.0, 1e4]).rate, 6).tolist() == [0.519494, 0.818182, 0.980198]
    assert np.round(optimum.gradient_descent(1.0, [10.0, 100.0]).rate, 6).tolist() == [0.818182, 0.980198]
    assert optimum.low_pass(2.0, 2.0).weight == 1.0
    with pytest.raises(ValueError, match="other way round"):
        optimum.nesterov(2.0, 1.0)
    with pytest.raises(ValueError, match="above 0"):
        optimum.heavy_ball(0.0, 1.0)


def test_the_low_pass_optimum_is_heavy_balls():
    ball, low = optimum.heavy_ball(0.3, 70.0), optimum.low_pass(0.3, 70.0)
    assert low.lr * low.weight == pytest.approx(ball.lr, rel=1e-13)
    assert 1 - low.weight == pytest.approx(ball.momentum, rel=1e-13)


def rate_of(rule, **hyper):
    return stability.spectral_radius(rule, **hyper)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 3.9), st.floats(0.01, 100.0))
def test_the_critical_momentum_is_the_fastest(product, lam):
    lr = product / lam
    for rule in ("heavy_ball", "nesterov"):
        b = stability.critical_momentum(lr, lam, rule)
        if np.isnan(b):
            assert product > 1
            assert rule == "nesterov"
            continue
        best = rate_of(rule, lr=lr, sharpness=lam, momentum=b)
        assert best == pytest.approx(abs(1 - np.sqrt(product)), abs=3e-7)
        for other in np.linspace(0.0, 0.999, 50):
            assert rate_of(rule, lr=lr, sharpness=lam, momentum=other) >= best - 3e-7


def test_critical_momentum_where_one_relu_starts_to_cross():
    """lr .01 on curvature 1: a momentum above .81 swings past 0, at or below it does not."""
    assert stability.critical_momentum(0.01, 1.0) == pytest.approx(0.81, rel=1e-14)
    assert stability.iterates("heavy_ball", 0.01, 1.0, np.arange(2000), momentum=0.80).min() > 0
    path = stability.iterates("heavy_ball", 0.01, 1.0, np.arange(200), momentum=0.9)
    assert np.argmax(path < 0) == 24
    assert np.argmax(stability.iterates("heavy_ball", 0.01, 1.0, np.arange(200), momentum=0.82) < 0) == 81
    assert np.isnan(stability.critical_momentum(4.0, 1.0))
    with pytest.raises(UnknownNameError):
        stability.critical_momentum(1.0, 1.0, "adam")


def test_critical_weight():
    for product in (0.1, 0.5, 1.0, 4.0):
        weight = stability.critical_weight(product, 1.0)
        assert 1 - weight == pytest.approx((1 - np.sqrt(product * weight)) ** 2, abs=1e-13)


@pytest.mark.parametrize(
    ("rule", "hyper"),
    [c for c in CASES if c[0] not in ("adamw", "newton")] + [("adam", {"beta1": 0.9}), ("rmsprop", {"momentum": 0.5})],
)
def test_flat_gain_is_where_one_gradient_leads(rule, hyper):
    """One gradient of 1 and then none, for 2000 steps, by the linear map itself."""
    matrix = stability.growth.transition(rule, 0.3, 0.0, **hyper)
    step = stability.growth._step(rule)
    state = np.array([float(part) for part in step(0.0, 0.0, 1.0, 0.3, **hyper)])
    for _ in range(2000):
        state = matrix @ state
    assert stability.flat_gain(rule, 0.3, **hyper) == pytest.approx(abs(state[0]), rel=1e-12)


def test_what_grows_stays_what_the_limits_say_for_the_new_rules():
    spectrum = np.array([0.1, 1.0, 50.0])
    for rule, hyper in [
        ("adamw", {"beta1": 0.9, "weight_decay": 0.3}),
        ("amsgrad", {"beta1": 0.8}),
        ("adamax", {"beta1": 0.5}),
        ("adagrad", {}),
        ("adadelta", {}),
        ("newton", {"damping": 0.7}),
    ]:
        limit = getattr(stability, rule)(spectrum, **hyper)
        assert limit.shape == (3,)
        assert np.allclose(stability.spectral_radius(rule, limit, spectrum, **hyper), 1.0, atol=1e-6)
        assert (stability.spectral_radius(rule, 0.999 * limit, spectrum, **hyper) < 1).all()
        assert (stability.spectral_radius(rule, 1.001 * limit, spectrum, **hyper) > 1).all()


def test_arrays_are_the_numbers_one_by_one():
    curvature, momentum = np.array([[0.5], [0.0], [-1.0], [np.nan]]), np.array([0.0, 0.5, 0.9])
    found = stability.heavy_ball(curvature, momentum, 0.25)
    radius = stability.spectral_radius("heavy_ball", 0.1, curvature, momentum=momentum, dampening=0.25)
    for i in range(4):
        for j in range(3):
            one = stability.heavy_ball(float(curvature[i, 0]), float(momentum[j]), 0.25)
            assert isinstance(one, float)
            assert np.array_equal(found[i, j], one, equal_nan=True)
            single = stability.spectral_radius(
                "heavy_ball", 0.1, float(curvature[i, 0]), momentum=float(momentum[j]), dampening=0.25
            )
            assert np.array_equal(radius[i, j], single, equal_nan=True)
    with pytest.raises(ValueError, match="need 0 <= momentum < 1"):
        stability.heavy_ball(1.0, [0.5, 1.0])


def test_bad_times_are_refused():
    for bad in (-1, 0.5):
        with pytest.raises(ValueError, match="whole numbers"):
            stability.iterates("gradient_descent", 0.1, 1.0, bad)


@pytest.mark.parametrize("weight", [0.02, 0.1, 0.5, 1.0])
def test_the_filter_does_to_a_wave_what_its_response_says(weight):
    """A long wave is filtered step by step; gain and phase are read off by projecting on sine and cosine."""
    for frequency in (0.01, 0.1, 0.25, 0.5):
        t = np.arange(8000)
        wave, a, out = np.cos(2 * np.pi * frequency * t), 0.0, []
        for u in wave:
            a = (1 - weight) * a + weight * u
            out.append(a)
        late = slice(4000, 8000)  # whole periods of every frequency here
        turn = np.exp(-2j * np.pi * frequency * t[late])
        measured = (np.array(out)[late] * turn).sum() / (wave[late] * turn).sum()
        assert measured == pytest.approx(low_pass_filter.response(weight, frequency), abs=1e-9)
        assert low_pass_filter.gain(weight, frequency) == pytest.approx(abs(measured), rel=1e-9)
        assert low_pass_filter.phase(weight, frequency) == pytest.approx(np.angle(measured), abs=1e-9)


def test_the_filter_and_the_stability_limit():
    weights = np.array([0.05, 0.3, 0.8])
    ratio = stability.gradient_descent(3.0) / low_pass_filter.gain(weights, 0.5)
    assert np.allclose(stability.low_pass(3.0, weights), ratio, rtol=1e-14)
    assert np.allclose(low_pass_filter.noise_share(weights), low_pass_filter.gain(weights, 0.5))
    assert np.allclose(low_pass_filter.gain(weights, low_pass_filter.cutoff(weights)) ** 2, 0.5)
    assert np.isnan(low_pass_filter.cutoff(0.83))
    slow = 1e-6
    assert low_pass_filter.phase(0.1, slow) == pytest.approx(-2 * np.pi * slow * low_pass_filter.memory(0.1), rel=1e-6)


def test_quartic_counterexamples():
    """The size of lr |f'| is neither necessary nor sufficient; 4 lr x0² < 2 is both."""
    for start, lr, size in [(0.4, 3.2, 0.8192), (10.0, 0.004, 16.0)]:
        assert lr * 4 * start**3 == pytest.approx(size)
        path = np.abs(quartic.descend(start, lr, 100))
        assert quartic.fate(start, lr) == ("converges" if path[-1] < path[0] else "diverges")
    assert quartic.descend(1.0, 0.5, 3).tolist() == [1.0, -1.0, 1.0, -1.0]
    for factor, word in [(0.999, "converges"), (1.001, "diverges")]:
        assert quartic.fate(0.7, factor * quartic.largest_stable_lr(0.7)) == word
    assert quartic.descend(0.9, 0.1, 20000)[-1] == pytest.approx(quartic.late(0.1, 20000), rel=1e-3)
    assert quartic.largest_stable_lr(0.0) == inf
    with pytest.raises(ValueError, match="lr"):
        quartic.fate(1.0, -0.1)
