"""The descent engine against the closed-form gradient, the exact stability limit, and itself."""

import numpy as np
import pytest

from trainability import theory
from trainability.theory.descent import OUTCOMES, descend
from trainability.theory.teacher_student import gradient, loss


def starts(runs, k, d, seed=0):
    return np.random.default_rng(seed).normal(0.0, d**-0.5, (runs, k, d))


@pytest.mark.parametrize(("k", "d", "m"), [(1, 1, 1), (1, 2, 3), (3, 2, 2), (5, 3, 4), (8, 6, 5), (4, 10, 1)])
def test_every_step_is_the_closed_forms(k, d, m):
    # 11 runs fill one vector of lanes and part of a second. Rounding apart the two paths are the same; a row that
    # comes near 0 amplifies it, hence 1e-10.
    W, V = starts(11, k, d), starts(1, m, d, seed=1)[0]
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=k), rng.normal(size=m)
    out = descend(W, V, lr=0.05, tol=0.0, max_steps=30, a=a, b=b, record=1)
    for step in range(31):
        assert np.abs(out.path[:, step] - W).max() < 1e-10
        assert np.abs(out.path_loss[:, step] - loss(W, V, a, b)).max() < 1e-10
        W = W - 0.05 * gradient(W, V, a, b)
    assert (out.steps == 30).all()
    assert (out.outcome == OUTCOMES.index("step-limit")).all()


def test_gradient_at_singular_angles():
    # aligned, opposed, and within 1e-9 of either; the oracle is the closed form, itself held to mpmath elsewhere
    V = starts(1, 4, 5, seed=3)[0]
    W = np.stack([V, -2 * V, V * (1 + 1e-9), -V + 1e-9, np.roll(V, 1, 0), np.tile(V[0], (4, 1))])
    W[5, 1::2] *= -0.5
    out = descend(W, V, tol=0.0, max_steps=0)
    assert np.abs(out.loss - loss(W, V)).max() < 1e-13
    one = descend(W, V, lr=1.0, tol=0.0, max_steps=1)
    assert np.abs((W - one.W) - gradient(W, V)).max() < 1e-14
    assert out.loss[0] == pytest.approx(0.0, abs=1e-14)


def test_arcsine_polynomial_against_fifty_digits():
    mpmath = pytest.importorskip("mpmath")
    from trainability.theory._descent_kernel import _ASIN

    with mpmath.workdps(50):
        for x in np.linspace(0.01, 2**-0.5, 40):
            y = mpmath.mpf(float(x)) ** 2
            series = mpmath.polyval([mpmath.mpf(c) for c in _ASIN], y)
            assert abs(mpmath.mpf(float(x)) * (1 + y * series) / mpmath.asin(mpmath.mpf(float(x))) - 1) < 2e-17


def test_a_run_does_not_depend_on_its_neighbours_or_threads():
    import numba

    W0 = starts(37, 4, 4)
    together = descend(W0, np.eye(4), lr=0.2, tol=1e-8)
    for i in (0, 13, 36):
        alone = descend(W0[i], np.eye(4), lr=0.2, tol=1e-8)
        assert (together.W[i] == alone.W).all()
        assert alone.steps == together.steps[i]
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = descend(W0, np.eye(4), lr=0.2, tol=1e-8)
    finally:
        numba.set_num_threads(before)
    assert (one.W == together.W).all()


def test_one_relu_follows_the_exact_decay():
    # w = x v with x > 0: grad = (x - 1) v/2, so 1 - x shrinks by 1 - lr/2 a step
    out = descend([[[1e-3, 0.0]]], [[1.0, 0.0]], lr=0.1, tol=1e-9)
    assert OUTCOMES[out.outcome[0]] == "converged"
    assert out.steps[0] == np.ceil(np.log(2e-9 / 0.999) / np.log(0.95))


@pytest.mark.parametrize(("k", "largest"), [(6, 2.065267), (10, 3.129168)])
def test_stability_limit_at_the_global_minimum(k, largest):
    # golden: largest Hessian eigenvalue at W = V = I, from the exact spectrum of that matrix (a 2x2 block)
    p = 1 / (2 * np.pi)
    block = [[1 / 2 + (k - 1) * p, (k - 1) / 4], [1 / 4, k / 4 + p]]
    assert max(np.linalg.eigvals(block)) == pytest.approx(largest, abs=1e-6)
    W0 = np.eye(k) + starts(8, k, k) * 1e-3
    limit = 2 / largest
    assert (descend(W0, np.eye(k), lr=0.98 * limit, tol=1e-9, max_steps=20_000).outcome == 0).all()
    assert (descend(W0, np.eye(k), lr=1.02 * limit, tol=1e-9, max_steps=20_000).outcome != 0).all()


def test_euler_numbers_of_the_symmetric_start():
    # golden: explicit Euler on the published 2-D dynamics, start (1e-3, 0), lr 0.01, 1000 steps, recorded every 100
    table = {
        2: [0.998001, 0.45639, 0.324943, 0.233441, 0.15082, 0.086797, 0.045529, 0.022406, 0.010586, 0.004876],
        5: [0.998001, 0.3796543, 0.1283947, 0.03338474, 0.007867422, 0.001783257],
    }
    for K, expected in table.items():
        out = descend(1e-3 * np.eye(K), np.eye(K), lr=0.01, tol=0.0, max_steps=999, record=100)
        x, y = out.path[:, 0, 0], out.path[:, 0, 1]
        error = (x - 1) ** 2 + (K - 1) * y**2
        assert error[: len(expected)] == pytest.approx(expected, abs=6e-7)


def test_outcomes():
    V = np.eye(3)
    codes = descend(starts(9, 3, 3), V, lr=np.full(9, 50.0), max_steps=5000)
    assert codes.count("diverged") == 9
    assert descend(starts(9, 3, 3), V, floor=1e-4).count("below-floor") == 9
    exact = descend([[[-0.5]]], [[1.0]], lr=2.0)  # one step of lr 2 on w/2 lands on 0 exactly
    assert OUTCOMES[exact.outcome[0]] == "singular"


def test_recorded_points_after_the_end_are_the_end():
    out = descend(starts(5, 2, 2), np.eye(2), lr=0.3, tol=1e-6, max_steps=2000, record=50)
    assert out.path.shape == (5, 41, 2, 2)
    assert (out.path[:, -1] == out.W).all()
    assert (out.path_loss[:, -1] == out.loss).all()
    plain = descend(starts(5, 2, 2), np.eye(2), lr=0.3, tol=1e-6, max_steps=2000)
    assert (plain.W == out.W).all()


def test_batch_shape_and_one_lr_per_run():
    W0 = starts(6, 2, 3).reshape(2, 3, 2, 3)
    lr = np.linspace(0.1, 0.3, 6).reshape(2, 3)
    out = descend(W0, np.eye(3)[:2], lr=lr, max_steps=50, tol=0.0)
    assert out.W.shape == W0.shape
    assert out.loss.shape == (2, 3)
    assert (out.W[1, 2] == descend(W0[1, 2], np.eye(3)[:2], lr=0.3, max_steps=50, tol=0.0).W).all()
    assert descend(np.empty((0, 2, 3)), np.eye(3)).W.shape == (0, 2, 3)


def test_polish_ends_where_the_descent_would():
    W0 = starts(16, 4, 4, seed=5)
    slow = descend(W0, np.eye(4), lr=0.2, tol=1e-11)
    quick = descend(W0, np.eye(4), lr=0.2, tol=1e-4, polish=True)
    assert quick.polished.all()
    assert quick.gradient_norm.max() < 1e-13
    assert np.abs(quick.W - slow.W).max() < 1e-9
    assert quick.steps.sum() < slow.steps.sum()


def test_memory_does_not_depend_on_steps_and_a_million_starts_fit():
    import subprocess
    import sys

    code = (
        "import numpy as np, resource; from trainability.theory import descend;"
        "W = np.random.default_rng(0).normal(size=(1_000_000, 1, 2));"
        "out = descend(W, [[1.0, 0.0]], lr=1.0, tol=1e-6); assert (out.outcome == 0).all();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peak = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(peak) < 2_000_000  # kB; the two arrays of points are 32 MB


def test_bad_input_is_refused():
    W0 = starts(2, 2, 3)
    assert theory.descend is descend
    with pytest.raises(ValueError, match="direction of approach"):
        descend([[[0.0, 0.0]]], [[1.0, 0.0]])
    with pytest.raises(ValueError, match="d=3"):
        descend(W0, np.eye(2))
    with pytest.raises(ValueError, match="not finite"):
        descend(W0 * np.nan, np.eye(3))
    for wrong in ({"lr": 0.0}, {"lr": np.ones(3)}, {"tol": -1.0}, {"max_steps": -1}, {"record": 0}, {"a": np.ones(3)}):
        with pytest.raises(ValueError, match="need"):
            descend(W0, np.eye(3), **wrong)
