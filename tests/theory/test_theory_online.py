"""Online learning: Gaussian integrals against Monte Carlo and scipy, equations against the published-style table."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from trainability.theory import online, teacher_student


def covariance(n, seed):
    a = np.random.default_rng(seed).normal(size=(n, n))
    c = a @ a.T
    return c / np.sqrt(np.outer(np.diag(c), np.diag(c)))


@pytest.mark.parametrize("seed", range(3))
def test_orthants_agree_with_scipy(seed):
    for n, p in ((2, online.orthants.p2), (3, online.orthants.p3), (4, online.orthants.p4)):
        c = covariance(n, seed)
        exact = multivariate_normal(mean=np.zeros(n), cov=c, abseps=1e-9, releps=1e-9, maxpts=4_000_000).cdf(
            np.zeros(n)
        )
        assert float(p(c)) == pytest.approx(exact, abs=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_integrals_agree_with_sampling(seed):
    c = covariance(4, seed)
    x = np.random.default_rng(seed).multivariate_normal(np.zeros(4), c, size=400_000)
    gate, relu = x > 0, np.maximum(x, 0)
    for exact, values in (
        (online.integrals.i2(c[:2, :2]), relu[:, 0] * relu[:, 1]),
        (online.integrals.i3(c[:3, :3]), gate[:, 0] * x[:, 1] * relu[:, 2]),
        (online.integrals.i4(c), gate[:, 0] * gate[:, 1] * relu[:, 2] * relu[:, 3]),
    ):
        error = values.std() / np.sqrt(len(values))
        assert abs(float(exact) - values.mean()) < 5 * error  # fails by chance less than once in a million


@pytest.mark.parametrize(
    ("eta", "alpha", "Q", "R", "error"),
    [
        (0.5, 1, 0.2740, 0.1287, 0.20047),
        (0.5, 10, 0.8154, 0.8757, 0.01528),
        (1.0, 1, 0.4058, 0.2541, 0.17835),
        (1.0, 3, 0.7046, 0.6488, 0.08796),
        (1.0, 10, 0.9876, 0.9859, 0.00384),
    ],
)
def test_learning_curves_of_one_unit(eta, alpha, Q, R, error):
    # Integrated by an independent program from Q = 1/4, R = 0, T = 1.
    curves = online.integrate(0.25, 0.0, 1.0, eta, [0.0, float(alpha)])
    assert float(np.ravel(curves.Q[-1])[0]) == pytest.approx(Q, abs=6e-5)
    assert float(np.ravel(curves.R[-1])[0]) == pytest.approx(R, abs=6e-5)
    assert float(curves.eg[-1]) == pytest.approx(error, abs=6e-6)


def test_the_largest_rate_of_one_unit_is_two():
    assert online.largest_eta(1.0) == pytest.approx(2.0, rel=1e-9)


def test_the_error_is_the_population_loss_in_overlaps():
    rng = np.random.default_rng(0)
    W, V = rng.normal(size=(2, 5)), rng.normal(size=(3, 5))
    error = online.generalisation_error(W @ W.T, W @ V.T, V @ V.T)
    assert float(error) == pytest.approx(float(teacher_student.loss(W, V)), rel=1e-12)


def test_small_rates_follow_the_population_gradient():
    rng = np.random.default_rng(1)
    W, V = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    rates = online.flow_rates(W @ W.T, W @ V.T, V @ V.T)
    step = -teacher_student.gradient(W, V)
    assert np.abs(rates.R - step @ V.T).max() < 1e-12
    assert np.abs(rates.Q - (step @ W.T + W @ step.T)).max() < 1e-12
