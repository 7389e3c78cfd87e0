"""Nets born dead: exact cases, an independent NumPy simulation, and tables of an independent program."""

from math import pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

from trainability.errors import UnknownNameError
from trainability.theory import dead_units as du

LINE = np.linspace(-sqrt(3), sqrt(3), 101)


def drawn(widths, points, count, seed, scheme="normal", bias_std=0.0):
    """Which of `count` nets are dead after each layer; whole arrays, no loop over nets."""
    rng = np.random.default_rng(seed)
    x = np.broadcast_to(points.T, (count, *points.T.shape))
    dead, out = np.zeros(count, bool), []
    for n in widths:
        fan = x.shape[1]
        if scheme == "rai":
            W = rng.normal(0, 0.6007 / sqrt(fan), (count, n, fan + 1))
            where = rng.integers(0, fan + 1, (count, n, 1))
            np.put_along_axis(W, where, rng.beta(2, 1, where.shape), axis=2)
            W, b = W[..., :-1], W[..., -1:]
        else:
            W, b = rng.normal(0, sqrt(2 / fan), (count, n, fan)), bias_std * rng.standard_normal((count, n, 1))
        x = np.maximum(W @ x + b, 0)
        dead = dead | ~x.any((1, 2))
        out.append(dead)
    return np.array(out)


def close(share, n, reference, m, sigmas=5.0):
    """Two shares of one probability, n and m tries; false alarms 6e-7 (a little more for rare events)."""
    p = (share * n + reference * m + 1) / (n + m + 2)
    return abs(share - reference) < sigmas * sqrt(p * (1 - p) * (1 / n + 1 / m)) + 2 / min(n, m)


def test_two_hidden_layers_are_exact():
    assert du.two_rays([2, 2]).dead == 0.15625
    assert du.two_rays([3, 3]).dead == 0.04296875
    for a, b in ((1, 1), (2, 5), (4, 3)):
        made = du.two_rays([a, b])
        assert made.dead == pytest.approx(2.0 ** (1 - a) * 2.0**-b + (1 - 2.0 ** (1 - a)) * 4.0**-b, rel=1e-14)
        assert made.standard_error.tolist() == [0.0, 0.0]
        assert made.none + made.one + made.both == pytest.approx(1.0)


@pytest.mark.parametrize("last", [1, 2, 5])
def test_three_hidden_layers_against_quadrature(last):
    # After two units on independent rays, each pair of the 9 pairs of active sets is equally likely; the angle is pi/2
    # (2 pairs), 0 (2), uniform on the quarter circle (4), or the difference of two such (1).
    q = lambda t: ((pi - t) / (2 * pi)) ** last  # noqa: E731
    evenly = quad(lambda t: q(t) * 2 / pi, 0, pi / 2)[0]
    apart = quad(lambda t: q(t) * 2 * (pi / 2 - t) / (pi / 2) ** 2, 0, pi / 2)[0]
    first = 4  # width of the first layer
    one = 2.0 ** (1 - first)
    none2, one2, both2 = one / 4 + (1 - one) / 16, one * 3 / 4 + (1 - one) * 3 / 8, (1 - one) * 9 / 16
    expected = none2 + one2 * 0.5**last + both2 * (2 * q(pi / 2) + 2 * q(0) + 4 * evenly + apart) / 9
    made = du.two_rays([first, 2, last], samples=20_000, seed=1)
    assert abs(made.dead - expected) < 5 * made.standard_error[-1] < 0.01 * expected
    assert made.angle[1] == pytest.approx((pi + 4 * pi / 4 + pi / 6) / 9, abs=0.02)


@pytest.mark.parametrize("widths", [[2] * 6, [3] * 5, [2, 5, 1, 3, 4]])
def test_chain_against_drawn_nets(widths):
    # Two independent ways; five standard errors, false alarms 6e-7 a layer.
    count = 20_000
    brute = drawn(widths, np.array([[-1.0], [1.0]]), count, seed=5).mean(1)
    chain = du.two_rays(widths, samples=5_000)
    error = np.sqrt(np.maximum(chain.none * (1 - chain.none), 1 / count) / count + chain.standard_error**2)
    assert (np.abs(brute - chain.none) < 5 * error).all()
    assert chain.none + chain.one + chain.both == pytest.approx(1.0)
    assert (np.diff(chain.none) >= 0).all()


@pytest.mark.parametrize(
    ("width", "shares", "nets"),
    [
        (2, (0.4980, 0.8796, 0.9716, 0.9932), 200_000),
        (3, (0.2060, 0.5784, 0.7835, 0.8889), 200_000),
        (5, (0.0242, 0.1297, 0.2489, 0.3569), 200_000),
        (10, (0.0001, 0.0015, 0.0039, 0.0071), 60_000),
    ],
)
def test_table_by_depth(width, shares, nets):
    # Plain Monte Carlo of an independent program, one input, L = 5, 10, 15, 20; rounded to four digits.
    made = du.two_rays([width] * 19, samples=10_000)
    for depth, share in zip((5, 10, 15, 20), shares, strict=True):
        p = made.none[depth - 2]
        error = sqrt(p * (1 - p) / nets + made.standard_error[depth - 2] ** 2)
        assert abs(p - share) < 5 * error + 5e-5
        assert p < du.one_point([width] * (depth - 1))


@pytest.mark.parametrize(
    ("width", "depth", "he", "biased", "rai"),
    [(2, 5, 0.499, 0.248, 0.059), (2, 10, 0.879, 0.731, 0.235), (3, 10, 0.554, 0.351, 0.060)],
)
def test_table_of_schemes(width, depth, he, biased, rai):
    # 4000 nets a cell in an independent program; the share dead depends a little on the points, here 101 on [-sqrt 3, sqrt 3].
    widths = [width] * (depth - 1)
    for scheme, bias, share in (("normal", 0.0, he), ("normal", 0.1, biased), ("rai", 0.0, rai)):
        made = du.simulate(widths, LINE, scheme=scheme, bias_std=bias, samples=4000, seed=1)
        assert close(made.share, 4000, share, 4000)


@pytest.mark.parametrize(("scheme", "bias"), [("normal", 0.0), ("normal", 0.3), ("rai", 0.0)])
def test_kernel_against_drawn_nets(scheme, bias):
    widths, count = [3, 2, 4], 20_000
    points = np.random.default_rng(0).standard_normal((7, 2))
    brute = drawn(widths, points, count, 9, scheme, bias)
    made = du.simulate(widths, points, scheme=scheme, bias_std=bias, samples=count, seed=4)
    firsts = np.diff(np.concatenate([[0], brute.sum(1)]))
    for mine, theirs in zip(made.first, firsts, strict=True):
        assert close(mine / count, count, theirs / count, count)
    assert made.dead == made.first.sum()
    assert made.low <= made.share <= made.high


def test_units_are_counted():
    # One input, no bias: a unit of the first layer is off for half of all nets, one of the second as often if the net lives.
    made = du.simulate([4, 4], [1.0], samples=20_000)
    second = 2.0**-4 + (1 - 2.0**-4) / 2
    assert made.units == pytest.approx([0.5, second], abs=5 * sqrt(0.25 / 20_000))


@pytest.mark.parametrize("scheme", ["normal", "uniform"])
def test_one_point_formula(scheme):
    point, widths = np.array([[0.3, -1.0, 2.0]]), [2, 3, 1]
    made = du.simulate(widths, point, scheme=scheme, samples=20_000, seed=2)
    expected = 1 - 0.75 * 0.875 * 0.5
    assert du.one_point(widths) == pytest.approx(expected, rel=1e-14)
    assert abs(made.share - expected) < 5 * sqrt(expected * (1 - expected) / 20_000)


def test_bounds_hold():
    points = np.random.default_rng(1).standard_normal((30, 3))
    for widths in ([2, 2], [1, 2, 1], [2] * 8, [3, 1, 2]):
        low, high = du.bounds(widths)
        made = du.simulate(widths, points, samples=4000)
        assert low <= made.high
        assert made.low <= high
        assert low <= du.two_rays(widths).dead <= high
    assert du.bounds([3])[0] == 0.0


@pytest.mark.parametrize(("width", "share"), [(1, 0.6), (3, 0.3), (10, 0.01), (20, 0.1)])
def test_depth_and_width_are_the_last_safe_ones(width, share):
    depth = du.largest_depth(width, share)
    if depth > 1:
        assert du.one_point([width] * (depth - 1)) <= share + 1e-15
        assert du.smallest_width(depth, share) <= width
    assert du.one_point([width] * depth) > share
    assert du.smallest_width(depth + 1, share) > width
    assert du.largest_depth(5000, 0.1) == np.inf


def test_a_seed_gives_the_same_nets():
    one, two, other = (du.simulate([2] * 4, [-1.0, 1.0], samples=500, seed=s) for s in (3, 3, 4))
    assert (one.first == two.first).all()
    assert (one.units == two.units).all()
    assert (one.units != other.units).any()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="widths"):
        du.two_rays([])
    with pytest.raises(ValueError, match="widths"):
        du.simulate([2, 0], [1.0])
    with pytest.raises(ValueError, match="points"):
        du.simulate([2], [np.nan])
    with pytest.raises(ValueError, match="bias_std"):
        du.simulate([2], [1.0], scheme="rai", bias_std=0.1)
    with pytest.raises(UnknownNameError, match="normal"):
        du.simulate([2], [1.0], scheme="norml")
    with pytest.raises(ValueError, match="share"):
        du.smallest_width(5, 0.0)
    with pytest.raises(ValueError, match="samples"):
        du.two_rays([2] * 3, samples=1)
