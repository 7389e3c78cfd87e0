"""Corners of random ReLU units: laws against quadrature and drawn units, shares against units judged on the inputs."""

from math import atan, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import cauchy
from scipy.stats import t as student

from trainability.errors import UnknownNameError
from trainability.theory import elbows
from trainability.theory.elbows import Constant, Distance, Elbow, Normal, Uniform

WEIGHTS = [Normal(0.7), Uniform(1.3)]
BIASES = [Normal(0.4), Uniform(2.0), Constant(0.5), Constant(-0.01)]
PAIRS = [(w, b) for w in WEIGHTS for b in BIASES]
COUNT = 40_000


def near(found, expected, count=COUNT):
    """Shares of `count` draws; five standard errors, false alarms 6e-7 each."""
    p = np.asarray(expected, float)
    return (np.abs(np.asarray(found) - p) < 5 * np.sqrt(p * (1 - p) / count) + 2 / count).all()


@pytest.mark.parametrize(("weight", "bias"), PAIRS)
def test_law_of_the_corner(weight, bias):
    law, rng = Elbow(weight, bias), np.random.default_rng(0)
    corners = -bias.draw((COUNT,), rng) / weight.draw((COUNT,), rng)
    points = law.scale * np.array([-5.0, -1.2, -0.3, 0.0, 0.5, 1.0, 3.0, 40.0])
    assert near((corners[:, None] <= points).mean(0), law.cdf(points))
    assert law.sf(points) == pytest.approx(1 - law.cdf(points), abs=1e-14)
    for a, b in ((-3.0, -0.2), (0.1, 0.9), (1.1, 30.0)):
        kinks = [s * law.scale for s in (-1, 1) if a * law.scale < s * law.scale < b * law.scale]
        area = quad(lambda c: float(law.pdf(c)), a * law.scale, b * law.scale, points=kinks or None, epsabs=1e-12)[0]
        assert area == pytest.approx(float(law.cdf(b * law.scale) - law.cdf(a * law.scale)), abs=1e-9)
    for share in (1e-6, 0.2, 0.5, 0.77, 0.999):
        assert law.cdf(law.quantile(share)) == pytest.approx(share, rel=1e-9)
    assert float(law.sf(1e9)) * 1e9 == pytest.approx(law.tail, rel=1e-6)
    assert float(law.pdf(1e9)) * 1e18 == pytest.approx(law.tail, rel=1e-6)
    assert law.beyond(0.0) == pytest.approx(1.0)


def test_far_and_near_ends_stay_accurate():
    for weight, bias in PAIRS:
        law = Elbow(weight, bias)
        assert float(law.sf(1e200)) * 1e200 == pytest.approx(law.tail, rel=1e-12)
        assert law.sf([np.inf, -np.inf]).tolist() == [0.0, 1.0]
        assert np.isfinite(law.pdf([0.0, 1e-200, 1e-9])).all()
    assert Elbow(Uniform(1.0), Normal(1.0)).pdf(0.0) == pytest.approx(0.5 / sqrt(2 * pi))


def test_normal_over_normal_is_cauchy():
    law, points = Elbow(Normal(2.0), Normal(3.0)), np.linspace(-7, 7, 15)
    assert law.pdf(points) == pytest.approx(cauchy.pdf(points, scale=1.5), rel=1e-13)
    assert law.cdf(points) == pytest.approx(cauchy.cdf(points, scale=1.5), rel=1e-13)
    assert Elbow(Normal(1.0), Normal(1.0)).beyond(1.0) == 0.5
    assert Elbow(Uniform(0.3), Uniform(0.3)).beyond(1.0) == 0.5


def test_no_bias_puts_all_corners_at_zero():
    law = Elbow(Normal(1.0), Constant(0.0))
    assert law.cdf([-1e-9, 0.0, 1e-9]).tolist() == [0.0, 1.0, 1.0]
    assert (law.quantile(0.9), law.tail, law.beyond(0.0)) == (0.0, 0.0, 0.0)
    assert law.pdf([0.0, 1.0]).tolist() == [np.inf, 0.0]


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.0, 3.0])
def test_shares_of_the_lecture_example(radius):
    made = elbows.interval_shares(Normal(1.0), Normal(1.0), -radius, radius)
    assert (made.dead, made.linear) == pytest.approx((atan(1 / radius) / pi,) * 2, rel=1e-13)
    # Values of an independent program, four digits.
    assert made.dead == pytest.approx({0.5: 0.3524, 1.0: 0.25, 2.0: 0.1476, 3.0: 0.1024}[radius], abs=5e-5)
    default = elbows.interval_shares(*elbows.scheme("torch_default", 1), -1.0, 1.0)
    assert (default.dead, default.bent) == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize(("lo", "hi"), [(-1.0, 2.0), (0.5, 3.0), (-2.0, -0.1), (0.0, 1.0), (-1.0, 0.0)])
@pytest.mark.parametrize(("weight", "bias"), [*PAIRS, (Normal(0.5), Constant(0.0))])
def test_shares_on_an_interval(weight, bias, lo, hi):
    made, rng = elbows.interval_shares(weight, bias, lo, hi), np.random.default_rng(1)
    w, b = weight.draw((COUNT,), rng), bias.draw((COUNT,), rng)
    labels = elbows.classify(w, b, np.linspace(lo, hi, 5))
    assert near([(labels == kind).mean() for kind in (-1, 1, 0)], [made.dead, made.linear, made.bent])
    assert made.dead + made.linear + made.bent == pytest.approx(1.0, abs=1e-14)
    drawn = elbows.data_shares([lo, hi], weight, bias, units=4000, seed=2)
    assert near([drawn.dead / 4000, drawn.bent / 4000], [made.dead, made.bent], 4000)
    assert drawn.dead_interval[0] <= drawn.dead / 4000 <= drawn.dead_interval[1]


def test_a_positive_constant_bias_leaves_no_unit_dead_around_zero():
    made = elbows.interval_shares(Normal(1.0), Constant(0.01), -1.0, 1.0)
    assert made.dead == 0.0
    assert made.linear == pytest.approx(0.00797871, abs=1e-7)  # P(|w| < 0.01)
    assert elbows.interval_shares(Normal(1.0), Constant(-0.01), -1.0, 1.0).linear == 0.0


@pytest.mark.parametrize("bias", [*BIASES, Constant(0.0)])
@pytest.mark.parametrize("dim", [1, 2, 7])
def test_distance_of_the_hyperplane(bias, dim):
    weight, rng = Normal(0.6), np.random.default_rng(3)
    law = Distance(weight, bias, dim)
    length = np.sqrt((weight.draw((COUNT, dim), rng) ** 2).sum(1))
    distances = -bias.draw((COUNT,), rng) / length
    points = np.array([-2.0, -0.3, -0.004, 0.0, 0.01, 0.5, 1.5])
    assert near((distances[:, None] <= points).mean(0), law.cdf(points))
    assert law.sf(points) + law.cdf(points) == pytest.approx(1.0)
    for share in (0.01, 0.4, 0.8):
        if law.scale:
            assert law.cdf(law.quantile(share)) == pytest.approx(share, abs=1e-12)
    if dim == 1:
        assert law.scale == Elbow(weight, bias).scale
        if not isinstance(bias, Constant):
            assert law.cdf(points) == pytest.approx(Elbow(weight, bias).cdf(points), abs=1e-12)


def test_distance_is_student():
    t = np.array([-1.0, 0.2, 2.0])
    assert Distance(Normal(2.0), Normal(1.0), 5).cdf(t) == pytest.approx(student.cdf(t * sqrt(5) * 2, 5), rel=1e-12)


@pytest.mark.parametrize("bias", BIASES)
def test_shares_on_a_ball(bias):
    # On the circle of radius r around 0, 200 points: the largest w . x is within 1e-4 of |w| r.
    rng, angle = np.random.default_rng(4), np.linspace(0, 2 * pi, 200, endpoint=False)
    labels = elbows.classify(
        rng.normal(0, 0.5, (COUNT, 2)), bias.draw((COUNT,), rng), 0.8 * np.stack([np.cos(angle), np.sin(angle)], 1)
    )
    made = elbows.ball_shares(Normal(0.5), bias, dim=2, radius=0.8)
    assert near([(labels == kind).mean() for kind in (-1, 1, 0)], [made.dead, made.linear, made.bent])
    flat = elbows.ball_shares(Normal(0.5), bias, dim=1, radius=0.8)
    line = elbows.interval_shares(Normal(0.5), bias, -0.8, 0.8)
    assert (flat.dead, flat.linear, flat.bent) == pytest.approx((line.dead, line.linear, line.bent), abs=1e-12)


@pytest.mark.parametrize("bias", [*BIASES, Constant(0.0)])
@pytest.mark.parametrize(("dim", "samples"), [(1, 1), (3, 6), (2, 50)])
def test_shares_on_gaussian_samples(bias, dim, samples):
    rng, std, count = np.random.default_rng(5), 0.7, 20_000
    W, b = rng.normal(0, 0.9, (count, dim)), bias.draw((count,), rng)
    z = np.einsum("kd,knd->kn", W, std * rng.standard_normal((count, samples, dim))) + b[:, None]
    made = elbows.gaussian_shares(Normal(0.9), bias, dim=dim, samples=samples, std=std)
    assert near([(z <= 0).all(1).mean(), (z >= 0).all(1).mean()], [made.dead, made.linear], count)
    if samples == 1:
        assert made.dead + made.linear == pytest.approx(1.0, abs=1e-9)


def test_more_samples_leave_fewer_units_dead():
    shares = [elbows.gaussian_shares(Normal(1.0), Normal(1.0), dim=1, samples=n).dead for n in (1, 10, 1000, 10**6)]
    assert shares == sorted(shares, reverse=True)
    # One dimension: like an interval whose half-width is the largest of n normals, E max ~ 4.86 for a million.
    assert shares[-1] == pytest.approx(atan(1 / 4.863) / pi, rel=5e-3)


@pytest.mark.parametrize(
    ("weight", "bias", "exact"), [(Normal(2.0), Normal(3.0), True), (Uniform(1.0), Uniform(1.0), False)]
)
def test_running_means_are_cauchy_at_every_length(weight, bias, exact):
    # Dvoretzky-Kiefer-Wolfowitz at 1e-6: sees 4.3 % anywhere in the distribution function.
    paths = elbows.running_means(300, paths=4000, seed=1, weight=weight, bias=bias)
    scale = elbows.running_mean_scale(weight, bias)
    for n in (1, 7, 300) if exact else (300,):
        x = np.sort(paths[:, n - 1])
        gap = np.abs(cauchy.cdf(x, scale=scale) - (np.arange(4000) + 0.5) / 4000).max()
        assert gap < sqrt(np.log(2e6) / 2 / 4000)
    again = elbows.running_means(300, paths=4000, seed=1, weight=weight, bias=bias)
    assert (paths == again).all()


@pytest.mark.parametrize(("weight", "bias"), PAIRS)
def test_running_mean_scale_is_the_limit(weight, bias):
    # Half of the means are farther from 0 than the scale; 4000 means of 400 corners, five standard errors and 1 % of bias.
    ends = np.abs(elbows.running_means(400, paths=4000, seed=6, weight=weight, bias=bias)[:, -1])
    assert abs((ends > elbows.running_mean_scale(weight, bias)).mean() - 0.5) < 5 * 0.5 / sqrt(4000) + 0.01


def test_placed_biases_bend_every_unit():
    rng = np.random.default_rng(7)
    X, W = rng.standard_normal((101, 3)) + 5.0, rng.standard_normal((40, 3))
    assert (elbows.classify(W, np.zeros(40), X) != 0).any()
    b = elbows.biases_at_quantiles(W, X)
    assert (elbows.classify(W, b, X) == 0).all()
    off = (X @ W.T + b <= 1e-12).mean(0)
    assert off == pytest.approx((np.arange(40) + 0.5) / 40, abs=0.01)
    chosen = rng.integers(0, 101, 40)
    through = elbows.biases_at_samples(W, X, chosen)
    assert (W * X[chosen]).sum(1) + through == pytest.approx(np.zeros(40), abs=1e-12)


def test_corners_are_data_quantiles_in_one_dimension():
    x, w = np.random.default_rng(8).exponential(size=500), np.array([2.0, -0.5, 1.0])
    corners = -elbows.biases_at_quantiles(w, x, [0.1, 0.2, 0.7]) / w
    assert corners == pytest.approx(np.quantile(x, [0.1, 0.8, 0.7]))


def test_schemes():
    assert elbows.scheme("bias_as_weight", 3) == (Normal(0.5), Normal(0.5))
    assert elbows.scheme("constant", 8) == (Normal(0.5), Constant(0.01))
    for name in elbows.SCHEMES:
        weight, bias = elbows.scheme(name, 1)
        assert sum(vars(elbows.interval_shares(weight, bias, -1.0, 1.0)).values()) == pytest.approx(1.0)
    with pytest.raises(UnknownNameError, match="torch_default"):
        elbows.scheme("torch_defaults", 1)


def test_bad_arguments_are_refused():
    for law in (Normal, Uniform):
        with pytest.raises(ValueError, match="above 0"):
            law(0.0)
    with pytest.raises(ValueError, match="weight"):
        Elbow(Constant(1.0), Normal(1.0))
    with pytest.raises(ValueError, match="weight"):
        Distance(Uniform(1.0), Normal(1.0), 2)
    with pytest.raises(ValueError, match="lo < hi"):
        elbows.interval_shares(Normal(1.0), Normal(1.0), 1.0, 1.0)
    with pytest.raises(ValueError, match="radius"):
        elbows.ball_shares(Normal(1.0), Normal(1.0), dim=2, radius=0.0)
    with pytest.raises(ValueError, match="samples"):
        elbows.gaussian_shares(Normal(1.0), Normal(1.0), dim=2, samples=0)
    with pytest.raises(ValueError, match="shape"):
        elbows.classify(np.ones((3, 2)), 0.0, np.ones((4, 3)))
    with pytest.raises(ValueError, match="levels"):
        elbows.biases_at_quantiles([1.0], [0.0, 1.0], [1.5])
    with pytest.raises(ValueError, match="chosen"):
        elbows.biases_at_samples([1.0, 2.0], [0.0, 1.0], [0])
    with pytest.raises(ValueError, match="share"):
        Elbow(Normal(1.0), Normal(1.0)).quantile(0.0)
