"""The flow against closed forms, SciPy's order-8 integrator, and published numbers."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from trainability.theory.gradient_flow import OUTCOMES, flow
from trainability.theory.teacher_student import gradient, loss


def test_one_relu_decays_exponentially():
    out = flow([[[1e-3, 0.0]], [[0.5, 0.0]]], [[1.0, 0.0]], t=[0.0, 1.0, 10.0])
    x0 = np.array([1e-3, 0.5])[:, None]
    assert np.abs(out.W[:, :, 0, 0] - (1 + (x0 - 1) * np.exp(-out.t / 2))).max() < 1e-9
    assert out.loss == pytest.approx((out.W[:, :, 0, 0] - 1) ** 2 / 4, abs=1e-14)


def test_it_equals_an_integrator_of_order_eight():
    rng = np.random.default_rng(0)
    W0, V = rng.normal(size=(9, 3, 4)), rng.normal(size=(5, 4))
    a, b = np.array([1.0, -0.5, 2.0]), np.array([1.0, 1.0, -1.0, 0.5, 2.0])
    times = np.array([0.0, 0.3, 3.0, 10.0])
    out = flow(W0, V, t=times, a=a, b=b, rtol=1e-11, atol=1e-13)
    for i in (0, 8):
        other = solve_ivp(
            lambda _, w: -gradient(w.reshape(3, 4), V, a, b).ravel(), (0, 10), W0[i].ravel(), method="DOP853",
            rtol=1e-12, atol=1e-13, t_eval=times,
        )  # fmt: skip
        assert np.abs(out.W[i] - other.y.T.reshape(4, 3, 4)).max() < 1e-8
    assert out.loss == pytest.approx(loss(out.W, V, a, b), abs=1e-12)


@pytest.mark.parametrize("slope", [0.3, -0.4])
def test_leaky_networks_of_other_sizes(slope):
    rng = np.random.default_rng(4)
    W0, V = rng.normal(size=(5, 4, 3)), rng.normal(size=(2, 3))
    a, b = np.array([1.0, -1.0, 0.5, 2.0]), np.array([1.0, -1.5])
    times = np.array([0.5, 2.0])
    out = flow(W0, V, t=times, a=a, b=b, rtol=1e-11, atol=1e-13, slope=slope)
    for i in (0, 4):
        other = solve_ivp(
            lambda _, w: -gradient(w.reshape(4, 3), V, a, b, slope).ravel(), (0, 2), W0[i].ravel(), method="DOP853",
            rtol=1e-12, atol=1e-13, t_eval=times,
        )  # fmt: skip
        assert np.abs(out.W[i] - other.y.T.reshape(2, 4, 3)).max() < 1e-8
    assert out.loss == pytest.approx(loss(out.W, V, a, b, slope), abs=1e-12)
    norms = np.linalg.norm(gradient(out.W, V, a, b, slope), axis=(-2, -1))
    assert out.gradient_norm == pytest.approx(norms, abs=1e-12)


def test_a_run_does_not_depend_on_its_neighbours_or_threads():
    import numba

    W0 = np.random.default_rng(4).normal(size=(19, 3, 5))
    V = np.random.default_rng(5).normal(size=(4, 5))
    together = flow(W0, V, t=[1.0, 9.0])
    for i in (0, 8, 18):
        alone = flow(W0[i], V, t=[1.0, 9.0])
        assert (together.W[i] == alone.W).all()
        assert alone.steps == together.steps[i]
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert (flow(W0, V, t=[1.0, 9.0]).W == together.W).all()
    finally:
        numba.set_num_threads(before)


def test_the_loss_falls_at_the_rate_of_the_squared_gradient():
    W0 = np.random.default_rng(6).normal(size=(4, 3, 3))
    h = 1e-3
    out = flow(W0, np.eye(3), t=[1.0 - h, 1.0, 1.0 + h], rtol=1e-12, atol=1e-14)
    slope = (out.loss[:, 2] - out.loss[:, 0]) / (2 * h)
    assert slope == pytest.approx(-(out.gradient_norm[:, 1] ** 2), rel=1e-5)
    assert flow(W0, np.eye(3), t=2.0).gradient_norm.shape == (4,)


def test_the_error_falls_with_the_tolerance():
    rng = np.random.default_rng(1)
    W0, V = rng.normal(size=(4, 3, 3)), np.eye(3)
    exact = flow(W0, V, t=5.0, rtol=1e-12, atol=1e-14).W
    errors = [np.abs(flow(W0, V, t=5.0, rtol=r, atol=r * 1e-2).W - exact).max() for r in (1e-4, 1e-6, 1e-8)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


@pytest.mark.parametrize(
    ("K", "top", "x", "first", "late"),
    [(2, 0.397669, 0.570018, 8.828, 20.233), (5, 0.189144, 0.389324, 4.245, 10.390), (10, 0.107075, 0.358504, 2.057, 5.226)],
)  # fmt: skip
def test_the_detour_of_the_symmetric_start(K, top, x, first, late):
    # golden: Runge-Kutta on the published 2-D dynamics; the detour's height and the times to two errors
    times = np.arange(0.0, 25.0, 0.001)
    out = flow(1e-3 * np.eye(K), np.eye(K), t=times)
    xs, ys = out.W[:, 0, 0], out.W[:, 0, 1]
    error = (xs - 1) ** 2 + (K - 1) * ys**2
    assert ys.max() == pytest.approx(top, abs=1e-6)
    assert xs[ys.argmax()] == pytest.approx(x, abs=5e-4)
    assert times[(error < 1e-2).argmax()] == pytest.approx(first, abs=1.5e-3)
    assert times[(error < 1e-6).argmax()] == pytest.approx(late, abs=1.5e-3)


def test_shapes_and_outcomes():
    W0 = np.random.default_rng(2).normal(size=(2, 5, 3, 3))
    assert flow(W0, np.eye(3), t=1.0).W.shape == W0.shape
    assert flow(W0, np.eye(3), t=[1.0, 2.0]).loss.shape == (2, 5, 2)
    short = flow(W0, np.eye(3), t=100.0, max_steps=3)
    assert (short.outcome == OUTCOMES.index("too-many-steps")).all()
    assert np.isnan(short.W).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="direction of approach"):
        flow([[0.0, 0.0]], [[1.0, 0.0]])
    for wrong in ({"t": [2.0, 1.0]}, {"t": -1.0}, {"t": np.inf}, {"t": []}, {"rtol": 0.0}, {"max_steps": 0}):
        with pytest.raises(ValueError, match="need"):
            flow([[1.0, 0.0]], [[1.0, 0.0]], **wrong)
