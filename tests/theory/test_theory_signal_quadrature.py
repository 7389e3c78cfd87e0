"""Gaussian means against closed forms, mpmath and adaptive quadrature, over scales, kinks and correlations."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from trainability.theory.signal import ACTIVATIONS, Activation, gaussian_mean, q_map, resolve, two_slopes
from trainability.theory.signal.maps import mean_square, pair, slope_pair, slope_square
from trainability.theory.signal.quadrature import pair_gap, pair_mean

CLOSED = [name for name, a in ACTIVATIONS.items() if a.closed is not None]
CORRELATIONS = np.array([-1.0, -1 + 1e-9, -0.99, -0.5, -1e-5, 0.0, 0.3, 0.9, 0.97, 1 - 1e-4, 1 - 1e-10, 1.0])


def by_quadrature(name):
    """The same function as a stranger: no derivative, no kinks, no closed forms."""
    return Activation(ACTIVATIONS[name].function, name=name)


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("q", [1e-3, 0.3, 1.0, 30.0, 1e4])
def test_closed_forms_equal_quadrature_of_the_bare_function(name, q):
    known, bare = ACTIVATIONS[name], by_quadrature(name)
    square, slope = float(mean_square(known, q)), float(slope_square(known, q))
    assert float(mean_square(bare, q)) == pytest.approx(square, rel=1e-13)
    assert float(slope_square(bare, q)) == pytest.approx(slope, rel=1e-11)
    if name in ("sin", "cos") and q > 100:
        return  # resolved, but seconds each
    np.testing.assert_allclose(pair_mean(bare, q, CORRELATIONS), pair(known, q, CORRELATIONS), atol=1e-13 * square)
    np.testing.assert_allclose(
        pair_mean(bare, q, CORRELATIONS, of_slope=True), slope_pair(known, q, CORRELATIONS), atol=3e-12 * slope
    )


@pytest.mark.parametrize("name", ["erf", "sin", "cos"])
@pytest.mark.parametrize("q", [0.1, 3.0, 50.0])
def test_small_gaps_keep_their_digits(name, q):
    gap = np.array([1e-12, 1e-6, 1e-2, 0.5, 1.5])
    known = ACTIVATIONS[name].closed.gap(q, gap)
    np.testing.assert_allclose(pair_gap(by_quadrature(name), q, gap), known, rtol=1e-11)
    direct = mean_square(ACTIVATIONS[name], q) - pair(ACTIVATIONS[name], q, 1 - gap)
    np.testing.assert_allclose(known, direct, atol=3e-15)


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if ACTIVATIONS[n].derivative])
def test_derivatives_equal_central_differences_and_are_those_of_the_pieces(name):
    act = ACTIVATIONS[name]
    u = np.linspace(-7.3, 7.1, 200)
    u = u[np.abs(u[:, None] - np.array([*act.kinks, 99.0])).min(axis=1) > 1e-2]
    h = 1e-4
    np.testing.assert_allclose(act.slope(u), (act(u + h) - act(u - h)) / (2 * h), atol=3e-8)
    np.testing.assert_allclose(by_quadrature(name).slope(u), act.slope(u), atol=1e-10)
    np.testing.assert_allclose(act.second_derivative(u), (act.slope(u + h) - act.slope(u - h)) / (2 * h), atol=3e-8)


@pytest.mark.parametrize(
    ("name", "q"), [("tanh", 1e-8), ("tanh", 1e4), ("sigmoid", 1e4), ("gelu", 50.0), ("silu", 0.02)]
)
def test_mean_squares_against_mpmath(name, q):
    mp = pytest.importorskip("mpmath").mp
    phi = {
        "tanh": mp.tanh,
        "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
        "gelu": lambda u: u * mp.ncdf(u),
        "silu": lambda u: u / (1 + mp.exp(-u)),
    }[name]
    with mp.workdps(25):
        s = mp.sqrt(q)
        inner = [k / s for k in (0.5, 1, 2, 4, 8, 16, 40) if k / s < 12]
        cuts = [-14, -8, -4, -2, -1, *[-x for x in reversed(inner)], 0, *inner, 1, 2, 4, 8, 14]
        exact = mp.quad(lambda z: phi(s * z) ** 2 * mp.npdf(z), sorted({mp.mpf(x) for x in cuts}))
        assert float(mean_square(resolve(name), q) / exact - 1) == pytest.approx(0, abs=2e-14)


def elu_given(mean, std, alpha):
    """E elu(mean + std z), by completing the square."""
    below = np.exp(mean + std**2 / 2) * ndtr(-(mean + std**2) / std) - ndtr(-mean / std)
    return mean * ndtr(mean / std) + std * np.exp(-((mean / std) ** 2) / 2) / math.sqrt(2 * math.pi) + alpha * below


@pytest.mark.parametrize("c", [0.5, 0.98, 0.9999, -0.99])
def test_pairs_of_selu_against_one_integral(c):
    scale, alpha, q = 1.0507009873554805, 1.6732632423543772, 1.7
    s = math.sqrt(1 - c * c)

    def integrand(z):
        u = math.sqrt(q) * z
        phi = u if u > 0 else alpha * math.expm1(u)
        return phi * elu_given(c * u, math.sqrt(q) * s, alpha) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    cuts = [-1, -4 * s, -s, 0, s, 4 * s, 1]
    exact = scale**2 * quad(integrand, -12, 12, points=cuts, limit=500, epsabs=1e-14, epsrel=1e-13)[0]
    assert float(pair(resolve("selu"), q, np.array(c))) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("c", [0.2, 0.95])
def test_pairs_of_tanh_against_plain_gauss_hermite(c):
    # 120 x 120 nodes at q = 0.3, where the poles of tanh are far off
    z, w = np.polynomial.hermite_e.hermegauss(120)
    w = w / w.sum()
    u1 = math.sqrt(0.3) * z[:, None]
    u2 = math.sqrt(0.3) * (c * z[:, None] + math.sqrt(1 - c * c) * z)
    exact = np.sum(w[:, None] * w * np.tanh(u1) * np.tanh(u2))
    assert float(pair(resolve("tanh"), 0.3, np.array(c))) == pytest.approx(exact, abs=1e-12)


def test_kinks_of_a_stranger_are_found():
    found = Activation(lambda u: np.maximum(u - 1 / 3, 0) + np.maximum(u + 2, 0)).pieces(16.0)
    np.testing.assert_allclose(found.kinks, [-2, 1 / 3], atol=1e-12)
    assert not found.jumps
    step = Activation(lambda u: np.where(u > 0.3, 1.0, -1.0))
    assert step.jumps
    assert float(slope_square(step, 1.0)) == np.inf
    assert float(mean_square(step, 1.0)) == pytest.approx(1.0, abs=1e-14)
    assert float(gaussian_mean(step, lambda u, z: step(u), 1.0)) == pytest.approx(2 * ndtr(-0.3) - 1, abs=1e-13)


def test_functions_of_single_numbers_and_of_low_precision_work():
    assert q_map(math.tanh, 1.0, 1.0, 0.0) == pytest.approx(q_map("tanh", 1.0, 1.0, 0.0), rel=1e-13)
    assert q_map(lambda u: max(u, 0.1 * u), 2.0, 1.0, 0.0) == pytest.approx(1.01, rel=1e-13)
    assert q_map(lambda u: 3.0, 2.0, 1.0, 0.5) == pytest.approx(9.5)
    single = Activation(lambda u: np.tanh(np.asarray(u, dtype=np.float32)))
    assert q_map(single, 1.0, 1.0, 0.0) == pytest.approx(q_map("tanh", 1.0, 1.0, 0.0), rel=1e-6)
    assert single.pieces(16.0).residual == 1e-7


@pytest.mark.parametrize(
    ("phi", "words"),
    [
        (lambda u: u[:3], "same shape"),
        (np.sum, "other entries"),
        (lambda u: np.exp(u) / np.exp(u).sum(), "other entries"),
        (np.log, "need a function"),
        (lambda u: np.inf, "need a function"),
        (lambda u: np.exp(u * u), "need a function"),
    ],
)
def test_what_is_no_activation_is_refused(phi, words):
    with pytest.raises(ValueError, match=words):
        q_map(phi, 1.0, 1.0, 0.0)


def test_random_noise_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"elementwise|do not resolve"):
        q_map(lambda u: rng.standard_normal(np.shape(u)), 1.0, 1.0, 0.0)


def test_shapes_broadcast():
    assert q_map("gelu", np.ones((3, 1)), [1.0, 2.0], 0.1).shape == (3, 2)
    assert isinstance(q_map("gelu", 1.0, 1.0, 0.0), float)
    assert q_map("tanh", [], 1.0, 0.0).shape == (0,)
    assert q_map("sigmoid", 0.0, 1.0, 0.5) == 0.75
    np.testing.assert_allclose(two_slopes(-2, 3)(np.array([-1.0, 2.0])), [2.0, 6.0])
