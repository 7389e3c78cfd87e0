"""Loss surface and descent of one unit, against quadrature, differences, and a plain loop in NumPy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from trainability.errors import UnknownNameError
from trainability.theory.one_relu import descent, loss_surface
from trainability.theory.one_relu.loss_surface import Unit

REACH = 12.0  # the normal density beyond holds less than 1e-32


def student(x, w, b, a, c, slope):
    z = w * x + b
    return a * np.where(z > 0, z, slope * z) + c


def by_quadrature(w, b, a, c, slope, target):
    def value(x):
        t = student(x, target.weight, target.bias, target.output, target.offset, 0.0)
        return 0.5 * (student(x, w, b, a, c, slope) - t) ** 2 * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    elbows = [-b / w if w else 0.0, target.elbow if math.isfinite(target.elbow) else 0.0]
    points = sorted({-REACH, REACH, 0.0, *(e for e in elbows if abs(e) < REACH)})
    pieces = itertools.pairwise(points)
    return sum(quad(value, lo, hi, epsabs=1e-13, epsrel=1e-12)[0] for lo, hi in pieces)


CASES = [
    ((-1.0, 0.0, 1.0, 0.0), 0.0, Unit()),
    ((0.7, -0.3, 1.2, 0.4), 0.0, Unit()),
    ((-0.7, -0.3, -1.2, 0.4), 0.3, Unit()),
    ((-2.0, 1.0, 0.5, -0.1), -0.5, Unit(-1.0, 0.5, 2.0, 0.3)),
    ((0.1, -0.5, 1.0, 0.0), 0.0, Unit(1.0, -0.2)),
    ((0.0, 0.5, 1.0, 0.0), 0.0, Unit(0.0, 0.7)),
    ((0.0, -0.5, 1.0, 0.2), 0.2, Unit(0.0, -0.7, 1.0, 0.5)),
    ((1e-9, 1.0, 1.0, 0.0), 0.0, Unit()),
]


@pytest.mark.parametrize(("theta", "slope", "target"), CASES)
def test_loss_equals_quadrature(theta, slope, target):
    exact = float(loss_surface.loss(*theta, slope=slope, target=target))
    assert exact == pytest.approx(by_quadrature(*theta, slope, target), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-1, 1), st.sampled_from([Unit(), Unit(-1, 0.5)]))
def test_gradient_equals_central_differences(theta, slope, target):
    if abs(theta[0]) < 0.05:  # a central difference would step over the elbow at infinity
        theta[0] = 0.05
    exact = loss_surface.gradient(*theta, slope=slope, target=target)
    h = 2e-5
    for j in range(4):
        ahead, behind = theta.copy(), theta.copy()
        ahead[j] += h
        behind[j] -= h
        up, down = (float(loss_surface.loss(*t, slope=slope, target=target)) for t in (ahead, behind))
        # h² times a third derivative, which the elbow of |w| >= 0.05 bounds, and the rounding of the loss over h.
        scale = 1 + abs(up) + abs(theta[2]) * (1 + abs(theta[2]))
        assert exact[j] == pytest.approx((up - down) / (2 * h), abs=2e-7 * scale)


def test_gradient_equals_central_differences_to_nine_digits():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(200, 4))
    theta[:, 0] += np.sign(theta[:, 0]) * 0.5
    exact = loss_surface.gradient(*theta.T, slope=0.2, target=Unit(1.0, 0.3, 0.8, 0.1))
    h = 1e-3
    for j in range(4):
        # Fourth order: the error is h⁴/30 times a fifth derivative.
        parts = []
        for k, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = theta.copy()
            moved[:, j] += k * h
            parts.append(weight * loss_surface.loss(*moved.T, slope=0.2, target=Unit(1.0, 0.3, 0.8, 0.1)))
        np.testing.assert_allclose(exact[:, j], sum(parts) / (12 * h), atol=1e-9)


def test_partial_moments_equal_quadrature_and_add_up():
    for low, high in [(-1.0, 0.5), (2.0, 3.0), (-np.inf, 1.3), (4.0, np.inf), (8.0, 9.0)]:
        got = loss_surface.partial_moments(low, high)
        for k in range(3):
            ends = (max(low, -REACH), min(high, REACH))
            want = quad(lambda x, k=k: x**k * math.exp(-x * x / 2) / math.sqrt(2 * math.pi), *ends, epsabs=0)[0]
            assert float(got[k]) == pytest.approx(want, rel=1e-9, abs=1e-15)
    assert [float(m) for m in loss_surface.partial_moments(1.0, -1.0)] == [0.0, 0.0, 0.0]


def test_golden_numbers():
    # L(0-) = 1/4, L(w < 0) = w²/4 + 1/4, L(w > 0) = (w - 1)²/4; the best constant leaves Var relu(x) / 2.
    np.testing.assert_allclose(loss_surface.loss([-1e-12, -2.0, 3.0]), [0.25, 1.25, 1.0], atol=1e-15)
    best = float(loss_surface.loss(1.0, 0.0, 0.0, 1 / math.sqrt(2 * math.pi)))
    assert 2 * best == pytest.approx(0.5 - 1 / (2 * math.pi), abs=1e-15)


def test_symmetries_of_the_unit():
    rng = np.random.default_rng(1)
    w, b, a, c = rng.normal(size=(4, 50))
    scaled = loss_surface.loss(2 * w, 2 * b, a / 2, c)
    np.testing.assert_allclose(scaled, loss_surface.loss(w, b, a, c), rtol=1e-13)
    mirrored = loss_surface.loss(-w, b, a, c, target=Unit(-1.0))
    np.testing.assert_allclose(mirrored, loss_surface.loss(w, b, a, c), rtol=1e-12)


def test_descent_equals_a_plain_loop():
    rng = np.random.default_rng(2)
    starts = rng.normal(size=(30, 4))
    for learn, slope, momentum, target in [
        (("weight", "bias"), 0.0, 0.0, Unit()),
        (descent.NAMES, 0.1, 0.9, Unit(-1.0, 0.4, 1.5, 0.2)),
        (descent.NAMES, 0.0, 0.5, Unit(0.0, 0.4)),
    ]:
        here, velocity = starts.copy(), np.zeros_like(starts)
        free = np.array([name in learn for name in descent.NAMES])
        for _ in range(40):
            velocity = momentum * velocity + 2 * loss_surface.gradient(*here.T, slope=slope, target=target)
            here = here - 0.01 * np.where(free, velocity, 0.0)
        ends = descent.descend(
            starts, lr=0.01, steps=40, learn=learn, slope=slope, momentum=momentum, convention="mse", target=target
        )
        np.testing.assert_allclose(ends.parameters, here, atol=1e-12)
        np.testing.assert_allclose(ends.loss, loss_surface.loss(*here.T, slope=slope, target=target), atol=1e-12)
        assert (ends.steps == 40).all()


def test_descent_says_when_it_was_reached_and_stops_where_it_rests():
    ends = descent.descend([[2.0, 0, 1, 0], [1.0, 0, 1, 0], [-1.0, 0, 1, 0]], lr=1.0, steps=500, learn=["weight"])
    # (w - 1)²/4 halves its root each step: 2^-t / 4^... <= 5e-4 first at t = 5.
    assert ends.reached.tolist() == [5, 0, -1]
    assert ends.steps[1] == 0
    assert ends.steps[0] < 60
    assert ends.loss[2] == pytest.approx(0.25)


def test_a_run_that_diverges_is_an_outcome():
    ends = descent.descend([[2.0, 0, 1, 0]], lr=9.0, steps=2000, learn=["weight"])
    assert not ends.loss[0] < 1e20


def test_a_run_that_leaves_the_numbers_has_no_loss():
    ends = descent.descend([[2.0, 0, 1, 0]], lr=1e120, steps=3, learn=["weight"])
    assert math.isnan(ends.loss[0])


def test_a_run_that_lands_on_zero_stops_with_the_loss_there():
    # lr · curvature = 1 takes weight -1 to 0 in one step; the loss of a constant 0 is E relu² / 2 = 1/4.
    ends = descent.descend([[-1.0, 0, 1, 0]], lr=1.0, steps=5, learn=["weight"], convention="mse", goal=0.3)
    assert ends.parameters[0, 0] == 0
    assert (ends.steps[0], ends.reached[0], ends.loss[0]) == (1, 1, 0.25)


def test_no_loss_is_below_zero():
    ends = descent.descend(
        np.stack([np.linspace(0.3, 3, 40)] + [np.full(40, v) for v in (0.1, 1, 0)], -1), lr=0.3, steps=4000
    )
    assert (ends.loss >= 0).all()
    assert ends.loss.max() < 1e-12


def test_bias_grid_equals_a_plain_loop():
    # lr 0.01 without the 1/2, 2000 steps, a grid of [-2, 2]² between the axes.
    grid = np.linspace(-1.9, 1.9, 20)
    w, b = np.meshgrid(grid, grid)
    starts = np.stack([w, b, np.ones_like(w), np.zeros_like(w)], -1)
    ends = descent.descend(starts, lr=0.01, steps=2000, learn=("weight", "bias"), convention="mse")
    here_w, here_b, reached = w.copy(), b.copy(), np.full(w.shape, -1)
    for step in range(1, 2001):
        slope = 2 * loss_surface.gradient(here_w, here_b)
        here_w, here_b = here_w - 0.01 * slope[..., 0], here_b - 0.01 * slope[..., 1]
        now = loss_surface.loss(here_w, here_b) <= 5e-4
        reached = np.where((reached < 0) & now, step, reached)
    reached = np.where(loss_surface.loss(w, b) <= 5e-4, 0, reached)
    assert (ends.reached == reached).all()
    good = reached >= 0
    assert good[(w > 0) & (b > 0)].all()
    assert not good[(w < 0) & (b < 0)].any()
    # golden, made by this test: by quadrant (+, -) and (-, +), of 100 each
    assert (good[(w > 0) & (b < 0)].sum(), good[(w < 0) & (b > 0)].sum()) == (51, 62)


def test_bad_input():
    with pytest.raises(ValueError, match="direction of approach"):
        loss_surface.gradient(0.0)
    with pytest.raises(ValueError, match="not finite"):
        loss_surface.loss(np.nan)
    with pytest.raises(ValueError, match="not finite"):
        loss_surface.loss(1.0, slope=math.inf)
    with pytest.raises(ValueError, match="nan end"):
        loss_surface.partial_moments(np.nan, 1.0)
    with pytest.raises(ValueError, match=r"need \(\.\.\., 4\)"):
        descent.descend([[1.0, 2.0]], lr=0.1, steps=1)
    with pytest.raises(ValueError, match="direction of approach"):
        descent.descend([[0.0, 0.0, 1.0, 0.0]], lr=0.1, steps=1)
    good = [[1.0, 0.0, 1.0, 0.0]]
    with pytest.raises(ValueError, match="need a finite lr > 0"):
        descent.descend(good, lr=0.0, steps=1)
    with pytest.raises(ValueError, match="need 0 <= momentum"):
        descent.descend(good, lr=0.1, steps=1, momentum=1.0)
    with pytest.raises(ValueError, match="need some of weight"):
        descent.descend(good, lr=0.1, steps=1, learn=["wait"])
    with pytest.raises(ValueError, match="need 0 or more"):
        descent.descend(good, lr=0.1, steps=-1)
    with pytest.raises(UnknownNameError, match="Did you mean 'mse'"):
        descent.descend(good, lr=0.1, steps=1, convention="mses")
