"""Finite width: moments against enumeration of all weights and drawn nets, the law of log M against chi-square mixtures."""

from itertools import product
from math import comb, exp, sqrt

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import digamma, gammaln, ndtr, polygamma
from scipy.stats import chi2

from trainability.errors import UnknownNameError
from trainability.theory import finite_width as fw


def nets(rng, widths, x, count, draw, slope=0.0, direction=None):
    """|x_L|²/n_L over |x_0|²/n_0 of drawn He nets, and the same of J u."""
    v = np.broadcast_to(x, (count, len(x)))
    u = None if direction is None else np.broadcast_to(direction, (count, len(direction)))
    for n in widths:
        W = draw(rng, (count, n, v.shape[1])) * sqrt(2 / (1 + slope**2) / v.shape[1])
        z = np.einsum("sij,sj->si", W, v)
        gate = np.where(z > 0, 1.0, slope)
        v = gate * z
        u = None if u is None else gate * np.einsum("sij,sj->si", W, u)
    start = (x**2).mean() if direction is None else (direction**2).mean()
    return ((v if u is None else u) ** 2).mean(1) / start


def normal(rng, shape):
    return rng.standard_normal(shape)


def uniform(rng, shape):
    return rng.uniform(-sqrt(3), sqrt(3), shape)


@pytest.mark.parametrize(
    ("widths", "second", "median", "variance"),
    [
        ([10] * 5, 7.594, 0.263, 4.36),
        ([20] * 20, 86.7, 0.069, 6.25),
        ([100] * 20, 2.653, 0.602, 1.04),
    ],
)
def test_golden_numbers(widths, second, median, variance):
    # Second moments by hand from prod(1 + 5/n); medians and variances from 2e5 drawn nets of an independent program.
    assert fw.second_moment(widths) == pytest.approx(second, rel=1e-3)
    assert fw.second_moment(widths) == pytest.approx(np.prod([1 + 5 / n for n in widths]), rel=1e-13)
    law = fw.log_size(widths)
    assert law.median == pytest.approx(median, rel=0.02)
    assert law.variance == pytest.approx(variance, rel=0.01)
    assert fw.mean(widths) == pytest.approx(1.0, abs=1e-14)


def test_widths_may_differ():
    assert fw.second_moment([50, 10, 50, 10, 50]) == pytest.approx(2.995, abs=5e-4)
    assert fw.beta([50, 10, 50, 10, 50]) == pytest.approx(0.26)


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("widths", "x"), [((2, 2), (1.0, -3.0)), ((1, 2, 1), (0.5, 2.0)), ((3, 1), (1.0, 0.2))])
@pytest.mark.parametrize(("values", "chances"), [((-1.0, 1.0), (0.5, 0.5)), ((-1.0, 0.0, 1.0), (0.3, 0.4, 0.3))])
def test_every_weight_law_against_enumeration(widths, x, values, chances, slope):
    fans = [len(x), *widths]
    sizes = [n * m for n, m in zip(fans[1:], fans[:-1], strict=True)]
    variance = np.dot(chances, np.square(values))
    excess = np.dot(chances, np.power(values, 4)) / variance**2 - 3
    grid = np.array(list(product(range(len(values)), repeat=sum(sizes))))
    chance, weights = np.prod(np.array(chances)[grid], axis=1), np.array(values)[grid]
    v, start = np.broadcast_to(np.array(x), (len(grid), len(x))), 0
    for n, m in zip(fans[1:], fans[:-1], strict=True):
        W = weights[:, start : start + n * m].reshape(-1, n, m) * sqrt(2 / (1 + slope**2) / m / variance)
        start += n * m
        z = np.einsum("sij,sj->si", W, v)
        v = np.where(z > 0, z, slope * z)
    ratio = (v**2).mean(1) / np.mean(np.square(x))
    made = fw.second_moment(widths, negative_slope=slope, excess_kurtosis=excess, concentration=fw.concentration(x))
    assert made == pytest.approx(chance @ ratio**2, rel=1e-12)
    assert fw.mean(widths, negative_slope=slope) == pytest.approx(chance @ ratio, rel=1e-12)


def test_moments_are_chi_square_mixtures():
    def chi(k, p):
        return 0.0 if k == 0 else exp(p * np.log(2) + gammaln(k / 2 + p) - gammaln(k / 2))

    for n, p, s in product((1, 2, 7, 40), (1, 2, 3, 6), (0.0, 0.4)):
        square = 2 / (1 + s * s)
        parts = [
            comb(n, k)
            * 0.5**n
            * comb(p, j)
            * (chi(k, j) if j else 1.0)
            * s ** (2 * (p - j))
            * (chi(n - k, p - j) if p > j else 1.0)
            for k in range(n + 1)
            for j in range(p + 1)
        ]
        expected = (square / n) ** p * sum(parts)
        assert fw.moment([n], p, negative_slope=s) == pytest.approx(expected, rel=1e-11)
    assert fw.moment([3, 5], 2, gain=1.0) == pytest.approx(fw.second_moment([3, 5], gain=1.0), rel=1e-13)
    assert fw.moment([4], 0) == 1.0


@pytest.mark.parametrize(
    ("draw", "excess", "slope", "jacobian"),
    [(normal, 0.0, 0.0, False), (normal, 0.0, 0.0, True), (uniform, -1.2, 0.0, False), (uniform, -1.2, 0.2, True)],
)
def test_second_moment_of_drawn_nets(draw, excess, slope, jacobian):
    # beta = 0.25. Five standard errors: false alarms 1e-5 with the skewness of M². Sees 3 % of the second moment, and that
    # the uniform law differs (by 7 %).
    rng = np.random.default_rng(3)
    widths, x, u = (12, 12, 12), np.array([3.0, 0.1, -1.0]), np.array([0.0, 1.0, 0.2])
    ratio = nets(rng, widths, x, 40_000, draw, slope, u if jacobian else None)
    square = ratio**2
    focus = fw.concentration(u if jacobian else x)
    made = fw.second_moment(widths, negative_slope=slope, excess_kurtosis=excess, concentration=focus)
    assert abs(square.mean() - made) < 5 * square.std() / sqrt(len(square))
    assert abs(ratio.mean() - 1) < 5 * ratio.std() / sqrt(len(ratio))


def test_concentration_matters_for_other_laws_only():
    assert fw.second_moment([5], concentration=1.0) == fw.second_moment([5], concentration=0.1)
    lumped = fw.second_moment([5], excess_kurtosis=-1.2, concentration=1.0)
    assert lumped < fw.second_moment([5], excess_kurtosis=-1.2, concentration=0.1) < fw.second_moment([5])
    with pytest.raises(ValueError, match="concentration"):
        fw.second_moment([5], excess_kurtosis=-1.2)
    assert fw.concentration([0.0, 2.0]) == 1.0


@pytest.mark.parametrize("n", [1, 2, 3, 10, 300])
def test_log_moments_of_one_relu_layer(n):
    k = np.arange(1, n + 1)
    chance = np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2))
    chance /= chance.sum()
    mean, variance = digamma(k / 2) + np.log(2), polygamma(1, k / 2)
    law = fw.log_size([n])
    assert law.mean == pytest.approx(chance @ mean + np.log(2 / n), abs=1e-11)
    assert law.variance == pytest.approx(chance @ (variance + mean**2) - (chance @ mean) ** 2, abs=1e-11)
    assert law.dead == pytest.approx(0.5**n, rel=1e-12)
    x = np.array([-3.0, -0.5, 0.1, 1.0])
    mixture = (chance * chi2.cdf(np.exp(x)[:, None] * n / 2, k)).sum(1)
    assert law.cdf(x, alive=True) == pytest.approx(mixture, abs=1e-10)
    assert law.cdf(x) == pytest.approx(0.5**n + (1 - 0.5**n) * mixture, abs=1e-10)


def test_log_law_of_linear_and_leaky_layers():
    x = np.array([-4.0, -1.0, 0.0, 1.5])
    linear = fw.log_size([6], negative_slope=1.0)
    assert linear.cdf(x) == pytest.approx(chi2.cdf(6 * np.exp(x), 6), abs=1e-10)
    assert (linear.mean, linear.variance) == pytest.approx((digamma(3) - np.log(3), float(polygamma(1, 3))), abs=1e-11)
    s = 0.2
    leaky = fw.log_size([2], negative_slope=s, gain=1.3)

    def cdf(a):  # of (1.3²/2)(phi(g1)² + phi(g2)²)
        a = a * 2 / 1.69
        mixed = quad(lambda g: chi2.pdf(g, 1) * chi2.cdf(max(0.0, (a - s * s * g)), 1), 0, a / s**2, limit=500)[0]
        return 0.25 * chi2.cdf(a, 2) + 0.25 * chi2.cdf(a / s**2, 2) + 0.5 * mixed

    assert leaky.cdf(x) == pytest.approx([cdf(a) for a in np.exp(x)], abs=1e-7)
    assert leaky.dead == 0.0


@pytest.mark.parametrize(
    ("widths", "slope"), [([10] * 5, 0.0), ([2] * 4, 0.0), ([1, 4, 30], 0.0), ([3] * 4, 0.01), ([5, 200], 1.5)]
)
def test_log_law_of_drawn_layers(widths, slope):
    # Dvoretzky-Kiefer-Wolfowitz at 1e-6: sees 1.3 % anywhere in the distribution function.
    rng, count = np.random.default_rng(1), 40_000
    total = np.zeros(count)
    for n in widths:
        g = rng.standard_normal((count, n))
        with np.errstate(divide="ignore"):
            total += np.log((np.where(g > 0, g, slope * g) ** 2).sum(1) * 2 / (1 + slope**2) / n)
    law = fw.log_size(widths, negative_slope=slope)
    finite = np.sort(total[np.isfinite(total)])
    assert abs(1 - len(finite) / count - law.dead) < 5 * sqrt(max(law.dead, 1e-9) / count)
    gap = np.abs(law.cdf(finite[::100], alive=True) - np.arange(0, len(finite), 100) / len(finite)).max()
    assert gap < sqrt(np.log(2e6) / 2 / len(finite))
    assert finite.mean() == pytest.approx(law.mean, abs=5 * sqrt(law.variance / len(finite)))


def test_quantiles_invert_the_law():
    law = fw.log_size([4, 9, 3])
    for share in (0.3, 0.5, 0.99):
        assert law.cdf(law.quantile(share)) == pytest.approx(share, abs=1e-10)
        assert law.cdf(law.quantile(share, alive=True), alive=True) == pytest.approx(share, abs=1e-10)
    assert law.cdf([-1e9, -np.inf, np.inf, 1e9]) == pytest.approx([law.dead, law.dead, 1.0, 1.0], abs=1e-10)
    assert fw.log_size([1] * 3).median == 0.0  # 7 of 8 nets are dead
    assert fw.log_size([2]).quantile(0.2) == -np.inf
    assert law.typical < 1 < fw.second_moment([4, 9, 3])


def test_wide_layers_tend_to_a_normal_log():
    law = fw.log_size([4000] * 8)
    assert (law.mean, law.variance) == pytest.approx((-2.5 * 8 / 4000, 5 * 8 / 4000), rel=1e-2)


def test_wide_series_meets_the_quadrature():
    # The two ways of the code on either side of their border, and the whole law against a normal one.
    for slope in (0.0, 0.3):
        near, far = (fw.log_size([n], negative_slope=slope) for n in (99_999, 100_000))
        assert far.mean == pytest.approx(near.mean * 99_999 / 100_000, rel=1e-9)
        assert far.variance == pytest.approx(near.variance * 99_999 / 100_000, rel=1e-9)
    law = fw.log_size([10**6] * 3)
    assert law.variance == pytest.approx(15e-6, rel=1e-4)
    grid = np.array([-2.0, -0.5, 1.0])
    assert law.cdf(law.mean + grid * sqrt(law.variance)) == pytest.approx(ndtr(grid), abs=2e-3)


def test_samples_needed_is_the_spread_of_estimates():
    # 400 estimates of 500 nets each: their spread is known to 3.5 %, a little more with heavy tails.
    rng, widths, size = np.random.default_rng(0), [40, 40], 500
    ratio = np.ones((400, size))
    for n in widths:
        k = rng.binomial(n, 0.5, ratio.shape)
        ratio *= 2 * rng.standard_gamma(k / 2) * 2 / n
    estimates = (ratio**2).mean(1)
    error = estimates.std() / fw.second_moment(widths)
    assert fw.samples_needed(widths, error) == pytest.approx(size, rel=0.3)
    assert fw.samples_needed([10] * 20) > 1e11 > fw.samples_needed([10] * 5) > 1e4
    assert fw.samples_needed(widths, 0.1, gain=3.0) == pytest.approx(fw.samples_needed(widths, 0.1))


def test_dead_probability_is_exact_where_it_is_small():
    assert fw.dead_probability([2] * 9) == pytest.approx(1 - 0.75**9, rel=1e-14)
    assert fw.dead_probability([200]) == 2.0**-200
    assert fw.dead_probability([5000]) < 1e-300


def test_spectrum_variance():
    # A Jacobian with one column has one singular value: its squared length.
    assert fw.spectrum_variance([4, 7, 3], fan_in=1) == pytest.approx(3 * fw.second_moment([4, 7, 3]) - 1, rel=1e-13)
    for slope, rate in ((0.0, 2.0), (1.0, 1.0), (0.5, 1.36)):  # wide: L E phi'⁴/(E phi'²)²
        made = fw.spectrum_variance([10**8] * 6, fan_in=10**8, negative_slope=slope)
        assert made == pytest.approx(6 * rate, rel=1e-6)


def test_spectrum_variance_of_drawn_jacobians():
    # Five standard errors of a ratio of means (false alarms about 1e-5); sees 6 %.
    rng, count, widths = np.random.default_rng(2), 20_000, (6, 9, 5)
    x, J = np.broadcast_to([1.0, 2.0, -1.0, 0.5], (count, 4)), np.broadcast_to(np.eye(4), (count, 4, 4))
    for n in widths:
        W = rng.standard_normal((count, n, x.shape[1])) * sqrt(2 / x.shape[1])
        z = np.einsum("sij,sj->si", W, x)
        x, J = np.maximum(z, 0), (z > 0)[..., None] * (W @ J)
    G = J @ J.transpose(0, 2, 1)
    trace, square = np.trace(G, axis1=1, axis2=2), (G**2).sum((1, 2))
    scale = 5 / trace.mean() ** 2
    expected = fw.spectrum_variance(widths, fan_in=4)
    lean = square * scale - 2 * (expected + 1) * trace / trace.mean()  # the ratio's influence function
    assert abs(square.mean() * scale - 1 - expected) < 5 * lean.std() / sqrt(count)


def test_spectrum_variance_of_orthogonal_nets():
    # Evenly drawn by QR; five standard errors, false alarms 1e-5; sees 4 %.
    rng, count, n, slope = np.random.default_rng(4), 8_000, 4, 0.2
    x, J = np.broadcast_to([1.0, 2.0, -1.0, 0.5], (count, n)), np.broadcast_to(np.eye(n), (count, n, n))
    for _ in range(3):
        Q, R = np.linalg.qr(rng.standard_normal((count, n, n)))
        Q = Q * np.sign(np.einsum("sii->si", R))[:, None, :]
        z = np.einsum("sij,sj->si", Q, x)
        gate = np.where(z > 0, 1.0, slope)
        x, J = gate * z, gate[..., None] * (Q @ J)
    G = J @ J.transpose(0, 2, 1)
    trace, square = np.trace(G, axis1=1, axis2=2), (G**2).sum((1, 2))
    scale = n / trace.mean() ** 2
    expected = fw.spectrum_variance([n] * 3, fan_in=n, weights="orthogonal", negative_slope=slope)
    lean = square * scale - 2 * (expected + 1) * trace / trace.mean()
    assert abs(square.mean() * scale - 1 - expected) < 5 * lean.std() / sqrt(count)
    assert fw.spectrum_variance([9] * 5, fan_in=9, weights="orthogonal", negative_slope=1.0) == 0.0
    wide = fw.spectrum_variance([10**8] * 7, fan_in=10**8, weights="orthogonal")
    assert wide == pytest.approx(7.0, rel=1e-6)


@pytest.mark.parametrize("widths", [[], [0], [2.5]])
def test_impossible_nets_are_refused(widths):
    for function in (fw.beta, fw.dead_probability, fw.second_moment, fw.log_size, fw.samples_needed):
        with pytest.raises(ValueError, match="widths"):
            function(widths)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="negative_slope"):
        fw.second_moment([3, 3], negative_slope=[0.1])
    with pytest.raises(ValueError, match="gain"):
        fw.second_moment([3], gain=0.0)
    with pytest.raises(ValueError, match="kurtosis"):
        fw.second_moment([3], excess_kurtosis=-3.0)
    with pytest.raises(ValueError, match="share"):
        fw.log_size([3]).quantile(1.0)
    with pytest.raises(ValueError, match="order"):
        fw.moment([3], -1)
    with pytest.raises(ValueError, match="fan_in"):
        fw.spectrum_variance([3], fan_in=0)
    with pytest.raises(ValueError, match="orthogonal"):
        fw.spectrum_variance([3], fan_in=4, weights="orthogonal")
    with pytest.raises(UnknownNameError, match="gaussian"):
        fw.spectrum_variance([3], fan_in=3, weights="normal")
    with pytest.raises(ValueError, match="shape"):
        fw.concentration([0.0, 0.0])
