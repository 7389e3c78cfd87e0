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


CURVES = {  # eta: Q, R, error at alpha = 1, 3, 10, from Q = 1/4, R = 0, T = 1; golden: an independent program
    0.5: ((0.2740, 0.3888, 0.8154), (0.1287, 0.3862, 0.8757), (0.20047, 0.13169, 0.01528)),
    1.0: ((0.4058, 0.7046, 0.9876), (0.2541, 0.6488, 0.9859), (0.17835, 0.08796, 0.00384)),
    1.5: (None, None, (0.1737, 0.09014, 0.00726)),
    1.9: (None, None, (0.18518, 0.12591, 0.03888)),
    2.1: (None, None, (0.19738, 0.16527, 0.10847)),
}


@pytest.mark.parametrize("eta", CURVES)
def test_learning_curves_of_one_unit(eta):
    curves = online.integrate(0.25, 0.0, 1.0, eta, [1.0, 3.0, 10.0])
    for told, seen, places in zip(CURVES[eta], (curves.Q, curves.R, curves.eg), (5.1e-5, 5.1e-5, 5.1e-6), strict=True):
        if told:
            assert seen.ravel() == pytest.approx(told, abs=places * (10 if told[0] == 0.1737 else 1))


@pytest.mark.parametrize("eta", [0.3, 1.0, 1.9, 2.1])
def test_one_unit_learns_below_a_rate_of_two_and_not_above(eta):
    # linearised at Q = R = 1, the error changes as exp(-eta (1 - eta/2) alpha)
    rate = -eta * (1 - eta / 2)
    assert online.spectrum(1.0, eta=eta).error == pytest.approx(rate, rel=1e-12)
    w = 1 + 1e-4
    near = online.integrate(w * w + 1e-6, w, 1.0, eta, [0.0, 1.0, 2.0])
    late = online.integrate(0.25, 0.0, 1.0, eta, [400.0])
    assert (near.eg[2] < near.eg[1]) == (eta < 2) == (late.eg[0] < 1e-6)
    assert np.log(near.eg[2] / near.eg[1]) == pytest.approx(rate, rel=2e-2)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_the_curves_are_the_mean_of_simulations(eta):
    times = [1.0, 3.0, 10.0]
    ode = online.integrate(0.25, 0.0, 1.0, eta, times)
    runs = online.simulate_overlaps(20_000, 0.25, 0.0, 1.0, eta, times, seeds=range(6))
    space = online.simulate(400, 0.25, 0.0, 1.0, eta, times, seeds=range(8))
    for sample, bias in ((runs, 1e-3), (space, 2e-2)):
        for x, exact in ((sample.Q, ode.Q), (sample.R, ode.R)):
            error = x.std(axis=0, ddof=1) / np.sqrt(len(x))
            assert (np.abs(x.mean(axis=0) - exact) < 5 * error + bias).all()


def test_the_rates_are_the_mean_of_one_step():
    # two students and two teachers, weights of both signs, noise and moving output weights
    q, r, t = [[0.8, 0.2], [0.2, 0.5]], [[0.3, -0.2], [0.1, 0.4]], [[1.0, 0.1], [0.1, 0.7]]
    a, b, eta, noise, eta_a = np.array([1.0, -0.7]), np.array([0.8, -1.2]), 1.3, 0.2, 0.9
    told = online.rates(q, r, t, eta, a, b, noise=noise, eta_output=eta_a)
    c = np.block([[np.array(q), np.array(r)], [np.array(r).T, np.array(t)]])
    n = 600_000
    rng = np.random.default_rng(4)
    x = rng.multivariate_normal(np.zeros(4), c, size=n)
    relu = np.maximum(x, 0)
    e = relu[:, :2] @ a - relu[:, 2:] @ b - np.sqrt(noise) * rng.normal(size=n)
    push = -eta * a * (x[:, :2] > 0) * e[:, None]
    dr = push[:, :, None] * x[:, None, 2:]
    dq = push[:, :, None] * x[:, None, :2] + x[:, :2, None] * push[:, None, :] + push[:, :, None] * push[:, None, :]
    da = -eta_a * e[:, None] * relu[:, :2]
    # 10 numbers at 4.5 standard errors: a false alarm in 7e-5 of all fresh seeds
    for sample, exact in ((dr, told.R), (dq, told.Q), (da, told.a)):
        assert (np.abs(sample.mean(0) - exact) < 4.5 * sample.std(0) / np.sqrt(n)).all()


def test_coinciding_variables():
    # E 1{x > 0} relu(y)^2 = C_yy [P2 + r sqrt(1 - r^2)/(2 pi)]: the gate twice
    for r in (-0.9, 0.0, 0.3, 0.999):
        c = np.array([[1.0, 1.0, r, r], [1.0, 1.0, r, r], [r, r, 1.0, 1.0], [r, r, 1.0, 1.0]]) * np.outer(
            *2 * [[1, 1, 2, 2]]
        )
        exact = 4 * (0.25 + np.arcsin(r) / (2 * np.pi) + r * np.sqrt(1 - r * r) / (2 * np.pi))
        assert float(online.integrals.i4(c)) == pytest.approx(exact, abs=1e-11)


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
