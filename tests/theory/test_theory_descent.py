"""The descent engine against the closed-form gradient, the exact stability limit, and itself."""

from pathlib import Path

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


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.3, -0.5, 1.0])
@pytest.mark.parametrize(("k", "d", "m"), [(2, 3, 4), (5, 3, 2), (6, 9, 6)])
def test_a_plain_loop_with_any_slope_and_signs(k, d, m, slope):
    W, V = starts(9, k, d, seed=4) + 1.0, starts(1, m, d, seed=5)[0]
    rng = np.random.default_rng(6)
    a, b = rng.choice([-1.0, 0.5, 1.0], k), rng.choice([-1.0, 1.0], m)
    out = descend(W, V, lr=0.02, tol=0.0, max_steps=60, a=a, b=b, slope=slope)
    for _ in range(60):
        W = W - 0.02 * gradient(W, V, a, b, slope)
    assert np.abs(out.W - W).max() < 1e-12
    assert np.abs(out.loss - loss(W, V, a, b, slope)).max() < 1e-12
    norm = np.linalg.norm(gradient(W, V, a, b, slope), axis=(1, 2))
    assert np.abs(out.gradient_norm - norm).max() < 1e-12


def test_a_leaky_student_finds_its_teacher_and_is_polished():
    W0 = starts(12, 3, 3, seed=8)
    out = descend(W0, np.eye(3), lr=0.2, tol=1e-4, polish=True, slope=0.2)
    assert out.polished.all()
    assert out.gradient_norm.max() < 1e-14
    assert (np.abs(loss(out.W, np.eye(3), slope=0.2)) < 1e-14).all()


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


@pytest.mark.parametrize(
    ("K", "table", "top", "step", "x", "first", "end"),
    [
        (2, [0.998001, 0.45639, 0.324943, 0.233441, 0.15082, 0.086797, 0.045529, 0.022406, 0.010586, 0.004876, 0.002228],
         0.361163, 221, 0.582257, 808, (0.96746002, 0.03419019)),
        (5, [0.998001, 0.3796543, 0.1283947, 0.03338474, 0.007867422, 0.001783257, 3.974909e-4, 8.793712e-5, 1.938720e-5,
             4.267369e-6, 9.529220e-7], 0.163867, 88, 0.441041, 384, (0.99922437, 0.00029636)),
        (10, [0.998001], 0.0, None, None, None, (0.99999946, 0.00000011)),
    ],
)  # fmt: skip
def test_every_euler_number_of_the_symmetric_start(K, table, top, step, x, first, end):
    # golden: the published protocol (explicit Euler, lr 0.01, 1000 points) in an independent program
    out = descend(1e-3 * np.eye(K), np.eye(K), lr=0.01, tol=0.0, max_steps=1000, record=1)
    xs, ys = out.path[:1000, 0, 0], out.path[:1000, 0, 1]
    error = (xs - 1) ** 2 + (K - 1) * ys**2
    marks = [*range(0, 1000, 100), 999][: len(table)]
    assert error[marks] == pytest.approx(table, rel=5e-6, abs=6e-7)
    if step:
        assert (ys.argmax(), (error < 0.01).argmax()) == (step, first)
        assert (ys.max(), xs[step]) == pytest.approx((top, x), abs=6e-7)
    assert (out.W[0, 0], out.W[0, 1]) == pytest.approx(end, abs=1e-8) or (xs[-1], ys[-1]) == pytest.approx(
        end, abs=6e-9
    )


def test_each_run_of_one_batch_has_its_own_outcome():
    # w = x v: 1 - x shrinks by 1 - lr/2 a step; left of 0 w itself, by 24 at lr 50
    W0 = np.array([[[0.9, 0.0]], [[0.9, 0.0]], [[-0.5, 0.0]], [[0.9, 0.0]], [[1.0, 0.0]], [[-0.5, 0.0]]])
    out = descend(W0, [[1.0, 0.0]], lr=[1.0, 50.0, 2.0, 1e-3, 0.1, 0.1], tol=1e-8, max_steps=100)
    told = [OUTCOMES[i] for i in out.outcome]
    assert told == ["converged", "diverged", "singular", "step-limit", "converged", "step-limit"]
    assert out.steps.tolist() == [23, out.steps[1], 1, 100, 0, 100]
    assert 0 < out.steps[1] < 100


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_start_opposite_to_the_teacher_shrinks_and_never_crosses(d):
    # rounding in a direction of -1 + 1e-16 would push it through 0 at |w| = 1e-32
    W0 = -np.linspace(0.1, 3.0, 40)[:, None, None] * np.eye(d)[None, :1]
    out = descend(W0, np.eye(d)[:1], lr=0.5, tol=0.0, max_steps=800)
    assert np.abs(out.W[..., 0] / W0[..., 0] / 0.75**800 - 1).max() < 1e-11
    assert (out.W[..., 1:] == 0).all()
    assert (out.loss == 0.25).all()


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_neighbours_do_not_matter_to_the_polish_either(slope):
    W0 = starts(70, 5, 5, seed=9)
    together = descend(W0, np.eye(5), lr=0.2, tol=1e-4, polish=True, slope=slope)
    assert together.gradient_norm[together.polished].max() < 1e-14
    for i in (0, 31, 69):
        alone = descend(W0[i], np.eye(5), lr=0.2, tol=1e-4, polish=True, slope=slope)
        assert (together.W[i] == alone.W).all()
        assert alone.loss == together.loss[i]


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

    # VmHWM belongs to the process alone; getrusage's figure starts from that of the process that forked it.
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    code = (
        "import numpy as np; from trainability.theory import descend;"
        "W = np.random.default_rng(0).normal(size=(1_000_000, 1, 2));"
        "out = descend(W, [[1.0, 0.0]], lr=1.0, tol=1e-6); assert (out.outcome == 0).all();"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
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
