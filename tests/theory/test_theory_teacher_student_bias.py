import numpy as np
import pytest

from trainability.theory import teacher_student as ts

ANGLES = (1e-9, 1e-4, 0.3, np.pi / 2, 2.0, np.pi - 1e-3, np.pi - 1e-7)
LIMITS = (
    (0.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (2.0, -2.0 + 1e-5), (1.0, 1.0 + 1e-6), (-3.0, -2.5), (0.3, 0.7), (5.0, 0.1),
)  # fmt: skip


def breaks(mp, low, high, r, s, c):
    """Where the integrand of an outer integral bends: at its ends, near 0, and where the inner limit crosses 0."""
    centre, width = (c / r, abs(s / r)) if abs(r) > 1e-3 else (mp.mpf(0), mp.mpf(1))
    inner = [centre + i * width for i in (-8, -2, 0, 2, 8)] + [mp.mpf(-3), mp.mpf(0), mp.mpf(3)]
    return [low, *sorted({p for p in inner if low < p < high}), high]


@pytest.mark.parametrize("t", ANGLES)
def test_bivariate_cdf_against_quadrature(t):
    mp = pytest.importorskip("mpmath").mp
    mp.dps = 25
    r, s = mp.cos(mp.mpf(t)), mp.sin(mp.mpf(t))
    for h, k in LIMITS:
        points = breaks(mp, mp.mpf(-12), mp.mpf(h), r, s, mp.mpf(k))
        exact = mp.quad(lambda x, k=k: mp.npdf(x) * mp.ncdf((k - r * x) / s), points)
        assert abs(ts.bivariate_cdf(h, k, t) - exact) < 1e-14


@pytest.mark.parametrize("t", [1e-6, 0.3, 2.0, np.pi - 1e-3])
def test_kernel_against_quadrature(t):
    mp = pytest.importorskip("mpmath").mp
    mp.dps = 25
    v = np.array([np.cos(t), np.sin(t)])
    r, s = mp.mpf(float(v[0])), mp.mpf(float(v[1]))
    for A, B in LIMITS:

        def inner(x, A=A, B=B):
            M = r * x + B
            return mp.npdf(x) * (x + A) * (M * mp.ncdf(M / s) + s * mp.npdf(M / s))

        exact = mp.quad(inner, breaks(mp, mp.mpf(-A), mp.mpf(13), r, s, mp.mpf(-B)))
        assert abs(ts.kernel_with_bias([1.0, 0.0], A, v, B) - exact) < 1e-13


def test_bivariate_cdf_at_the_ends_and_its_symmetries():
    from scipy.special import ndtr

    h, k = np.meshgrid(np.linspace(-4, 4, 17), np.linspace(-4, 4, 17))
    assert np.abs(ts.bivariate_cdf(h, k, 0.0) - ndtr(np.minimum(h, k))).max() < 1e-15
    assert np.abs(ts.bivariate_cdf(h, k, np.pi) - np.maximum(ndtr(h) - ndtr(-k), 0)).max() < 1e-15
    t = np.linspace(0, np.pi, 9)[:, None, None]
    assert np.abs(ts.bivariate_cdf(h, k, t) - ts.bivariate_cdf(k, h, t)).max() < 1e-15
    # P(x < h) = P(x < h, y < k) + P(x < h, -y < -k)
    assert np.abs(ts.bivariate_cdf(h, k, t) + ts.bivariate_cdf(h, -k, np.pi - t) - ndtr(h)).max() < 1e-15
    assert ts.bivariate_cdf(0.0, 0.0, t[:, 0, 0]) == pytest.approx((np.pi - t[:, 0, 0]) / (2 * np.pi))


def problem(d=4, k=3, m=5):
    rng = np.random.default_rng(11)
    W, V = rng.normal(size=(2, k, d)), rng.normal(size=(m, d))
    bw, bv = rng.normal(size=(2, k)), rng.normal(size=m)
    W[0, 0], bw[0, 0] = V[0], bv[0] * (1 + 1e-9)
    W[1, 1] = -V[1]
    return W, bw, V, bv, rng.normal(size=(2, k)), rng.normal(size=m)


@pytest.mark.parametrize("slope", [0.0, 0.3, -1.5])
def test_without_bias_it_is_the_loss_without_bias(slope):
    W, bw, V, bv, a, b = problem()
    none = (W, 0 * bw, V, 0 * bv, a, b, slope)
    assert ts.loss_with_bias(*none) == pytest.approx(ts.loss(W, V, a, b, slope), rel=1e-13)
    dW, _, da = ts.gradient_with_bias(*none)
    assert np.abs(dW - ts.gradient(W, V, a, b, slope)).max() < 1e-13
    assert np.abs(da - ts.gradient_output(W, V, a, b, slope)).max() < 1e-13


@pytest.mark.parametrize("slope", [0.0, 0.3, -1.5])
def test_loss_against_sampling_and_gradient_against_differences(slope):
    W, bw, V, bv, a, b = problem()
    rng = np.random.default_rng(3)
    n = 200_000
    x = rng.normal(size=(n, 4))

    def net(rows, bias, out):
        z = x @ rows.T + bias
        return np.where(z > 0, z, slope * z) @ out

    losses = ts.loss_with_bias(W, bw, V, bv, a, b, slope)
    for i in range(2):
        sample = 0.5 * (net(W[i], bw[i], a[i]) - net(V, bv, b)) ** 2
        # 6 comparisons at 4.5 standard errors: a false alarm in 4e-5 of all fresh seeds; it can see 2 % of the loss
        assert abs(losses[i] - sample.mean()) < 4.5 * sample.std() / np.sqrt(n)
        assert sample.std() / np.sqrt(n) < 0.005 * losses[i]

    dW, dbw, da = ts.gradient_with_bias(W, bw, V, bv, a, b, slope)
    step = 1e-5
    tolerance = 1e-9 * (1 + losses)
    for i in range(3):
        e = step * np.eye(3)[i]
        up, down = (ts.loss_with_bias(W, bw + s * e, V, bv, a, b, slope) for s in (1, -1))
        assert (np.abs((up - down) / (2 * step) - dbw[:, i]) < tolerance).all()
        up, down = (ts.loss_with_bias(W, bw, V, bv, a + s * e, b, slope) for s in (1, -1))
        assert (np.abs((up - down) / (2 * step) - da[:, i]) < tolerance).all()
        for r in range(4):
            E = np.zeros((3, 4))
            E[i, r] = step
            up, down = (ts.loss_with_bias(W + s * E, bw, V, bv, a, b, slope) for s in (1, -1))
            assert (np.abs((up - down) / (2 * step) - dW[:, i, r]) < tolerance).all()


def test_a_student_that_is_the_teacher_has_no_loss_and_no_gradient():
    _, _, V, bv, _, b = problem()
    order = [3, 0, 2, 4, 1]
    assert abs(ts.loss_with_bias(V[order], bv[order], V, bv, b[order], b)) < 1e-14
    for part in ts.gradient_with_bias(V[order], bv[order], V, bv, b[order], b):
        assert np.abs(part).max() < 1e-14


def test_large_biases_are_a_constant_or_a_line():
    # always on: E (w x + 50)(v x + 60) = w.v + 3000;  always off: 0
    w, v = [1.0, 0.0], [0.5, 0.5]
    assert ts.kernel_with_bias(w, 50.0, v, 60.0) == pytest.approx(3000.5, rel=1e-14)
    assert ts.kernel_with_bias(w, -50.0, v, 60.0) == 0.0
    assert np.isfinite(ts.gradient_with_bias([w], [1e8], [v], [-1e8])[0]).all()


@pytest.mark.parametrize("t", [1e-9, 1e-5, 0.3, 2.8, np.pi - 1e-3, np.pi - 1e-7])
@pytest.mark.parametrize(
    ("A", "B"), [(30.0, 29.5), (-30.0, 30.1), (12.0, -11.9), (-8.0, -8.0), (25.0, -1.0), (-3.0, 28.0)]
)
def test_kernel_and_gradient_with_far_biases_against_quadrature(A, B, t):
    mp = pytest.importorskip("mpmath").mp
    mp.dps = 25
    v = np.array([np.cos(t), np.sin(t)])
    r, s = mp.mpf(float(v[0])), mp.mpf(float(v[1]))

    def partial(x, p, q):
        """phi(x) (x + A)^p times the mean of relu(v.x + B), or of its gate, given the first coordinate."""
        M = r * x + B
        return mp.npdf(x) * (x + A) ** p * (M * mp.ncdf(M / s) + s * mp.npdf(M / s) if q else mp.ncdf(M / s))

    near = [-mp.mpf(B) / r + i * abs(s / r) for i in (-9, -3, 0, 3, 9)] + [mp.mpf(i) for i in (-9, -4, 0, 4, 9)]
    low, high = max(mp.mpf(-A), mp.mpf(-14)), max(mp.mpf(14), -mp.mpf(A) + 3)
    points = [low, *sorted({x for x in near if low < x < high}), high]
    scale = 1 + A * A + B * B
    exact = mp.quad(lambda x: partial(x, 1, 1), points)
    assert abs(ts.kernel_with_bias([1.0, 0.0], A, v, B) - exact) < 1e-15 * scale
    # what the teacher adds to dL/dbw is -b dk/dbw
    _, dbw, _ = ts.gradient_with_bias([[1.0, 0.0]], [A], [v], [B], b=[-1.0])
    own = ts.gradient_with_bias([[1.0, 0.0]], [A], [v], [B], b=[0.0])[1]
    assert abs((dbw - own)[0] - mp.quad(lambda x: partial(x, 0, 1), points)) < 2e-15 * scale


def test_bad_input_is_refused():
    W, bw, V, bv, _, _ = problem()
    for f in (ts.loss_with_bias, ts.gradient_with_bias):
        with pytest.raises(ValueError, match="Got bw of shape"):
            f(W, bw[:, :2], V, bv)
        with pytest.raises(ValueError, match="Got bv of shape"):
            f(W, bw, V, bv[:2])
        with pytest.raises(ValueError, match="direction of approach"):
            f(0 * W, bw, V, bv)
        with pytest.raises(ValueError, match="not finite"):
            f(W, bw * np.nan, V, bv)
    with pytest.raises(ValueError, match="0 <= t <= pi"):
        ts.bivariate_cdf(0.0, 0.0, -1.0)
    with pytest.raises(ValueError, match="one length"):
        ts.kernel_with_bias([1.0], 0.0, [1.0, 2.0], 0.0)
