"""Scales and depth: against nets that are scaled, differentiated and drawn."""

from math import isnan, pi, sqrt

import mpmath
import numpy as np
import pytest
from scipy.special import roots_hermitenorm

from trainability.theory import depth_scaling as ds


def run(weights, biases, X):
    """Outputs of a ReLU net with linear last layer, and the derivative of one output in every weight, per sample."""
    x, inputs, gates = X, [], []
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        inputs.append(x)
        z = x @ W.T + b
        gates.append(np.ones_like(z) if i == len(weights) - 1 else z > 0)
        x = z * gates[-1]
    delta, rows = np.ones_like(x), []
    for W, before, gate in zip(weights[::-1], inputs[::-1], gates[::-1], strict=True):
        delta = delta * gate
        rows.append(np.einsum("no,ni->noi", delta, before).reshape(len(X), -1))
        delta = delta @ W
    return x, rows[::-1]


def made_net(depth, rng, bias=0.0):
    fans = [4] + [9] * (depth - 1) + [1]
    pairs = list(zip(fans[1:], fans[:-1], strict=True))
    return [rng.normal(0, sqrt(2 / m), (n, m)) for n, m in pairs], [bias * rng.standard_normal(n) for n, _ in pairs]


@pytest.mark.parametrize("factors", [[2.0] * 2, [2.0] * 5, [0.5, 3.0, 1.7], [1.1]])
@pytest.mark.parametrize("bias", [0.0, 0.7])
def test_scaled_nets(factors, bias):
    rng = np.random.default_rng(0)
    weights, biases = made_net(len(factors), rng, bias)
    X, law = rng.standard_normal((6, 4)), ds.scaled(factors)
    y, rows = run(weights, biases, X)
    Y, scaled_rows = run(
        [s * W for s, W in zip(factors, weights, strict=True)],
        [s * b for s, b in zip(law.bias, biases, strict=True)],
        X,
    )
    assert pytest.approx(law.output * y, rel=1e-12) == Y
    for new, old, factor in zip(scaled_rows, rows, law.gradient, strict=True):
        # An input of a layer that a scaled bias helped to make is scaled as a whole.
        assert new == pytest.approx(factor * old, rel=1e-12)
    for i, j in np.ndindex(len(rows), len(rows)):
        assert scaled_rows[i].T @ scaled_rows[j] == pytest.approx(law.curvature[i][j] * rows[i].T @ rows[j], rel=1e-11)


def test_equal_factors_shrink_the_stable_lr():
    for depth, sharper in ((2, 4.0), (3, 16.0), (5, 256.0)):
        law = ds.scaled([2.0] * depth)
        assert (law.output, law.gradient[0], law.curvature[0][-1]) == (2.0**depth, 2.0 ** (depth - 1), sharper)
        assert law.stable_lr == 1 / sharper
        weights, biases = made_net(depth, np.random.default_rng(depth))
        X = np.random.default_rng(9).standard_normal((20, 4))
        tops = [np.linalg.norm(np.hstack(run([s * W for W in weights], biases, X)[1]), 2) ** 2 for s in (1.0, 2.0)]
        assert tops[1] / tops[0] == pytest.approx(sharper, rel=1e-12)
    assert isnan(ds.scaled([1.0, 2.0]).stable_lr)
    assert ds.scaled([0.3] * 7).stable_lr == pytest.approx(0.3**-12)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_forward_is_the_mean_over_nets(slope):
    # Widths as small as 2, uniform weights, random biases: five standard errors, false alarms 1e-5; sees 5 %.
    rng, count = np.random.default_rng(1), 40_000
    fans, variances, biases = [3, 5, 2, 6], [0.3, 0.6, 0.4], [0.2, 0.0, 1.0]
    x = np.broadcast_to([1.0, -2.0, 0.5], (count, 3))
    steps = ds.forward(fans, variances, mean_square=5.25 / 3, bias_variances=biases, negative_slope=slope)
    for n, v, b, step in zip(fans[1:], variances, biases, steps, strict=True):
        W = rng.uniform(-sqrt(3 * v), sqrt(3 * v), (count, n, x.shape[1]))
        y = np.einsum("sij,sj->si", W, x) + sqrt(b) * rng.standard_normal((count, n))
        x = np.where(y > 0, y, slope * y)
        for values, expected in ((y, step.variance), (x, step.mean_square)):
            square = (values**2).mean(1)
            assert abs(square.mean() - expected) < 5 * square.std() / sqrt(count)


def test_backward_is_the_mean_over_nets():
    rng, count = np.random.default_rng(2), 40_000
    fans, variances = [3, 6, 4, 5], [0.5, 0.3, 0.5]
    x, weights, gates = np.broadcast_to([1.0, -2.0, 0.5], (count, 3)), [], []
    for n, v in zip(fans[1:], variances, strict=True):
        weights.append(rng.normal(0, sqrt(v), (count, n, x.shape[1])))
        y = np.einsum("sij,sj->si", weights[-1], x)
        gates.append(y > 0)
        x = np.maximum(y, 0)
    delta = rng.standard_normal((count, 5))  # at the last pre-activation
    for step in ds.backward(fans, variances):
        back = np.einsum("sij,si->sj", weights[step.layer - 1], delta)
        square = (back**2).mean(1)
        assert abs(square.mean() - step.variance) < 5 * square.std() / sqrt(count)
        if step.layer > 1:
            delta = back * gates[step.layer - 2]
            square = (delta**2).mean(1)
            assert abs(square.mean() - step.mean_square) < 5 * square.std() / sqrt(count)


def test_he_keeps_what_one_over_n_halves():
    fans = [64] * 23
    assert [s.total for s in ds.forward(fans, [2 / 64] * 22)] == [1.0] * 22
    halved = ds.forward(fans, [1 / 64] * 22)
    assert halved[-1].mean_square / halved[1].mean_square == 2.0**-20
    assert ds.backward(fans, [1 / 64] * 22)[-1].total == 2.0**-22


def test_signal_and_gradient_differ_by_the_ends_alone():
    fans = [40, 100, 30, 70, 10]
    for variances in ([2 / n for n in fans[:-1]], [2 / n for n in fans[1:]], ds.glorot_variances(fans), [0.3] * 4):
        ratio = ds.forward(fans, variances)[-1].total / ds.backward(fans, variances)[-1].total
        assert ratio == pytest.approx(4.0, rel=1e-12)
    assert ds.forward_over_backward(fans) == 4.0
    glorot = np.array(ds.glorot_variances(fans))
    harmonic = 2 / (np.array(fans[:-1], float) + np.array(fans[1:], float))
    assert glorot == pytest.approx(harmonic, rel=1e-14)
    stds = np.sqrt(1 / np.array(fans[:-1])), np.sqrt(1 / np.array(fans[1:]))
    assert (np.abs(glorot - (2 / (1 / stds[0] + 1 / stds[1])) ** 2) > 1e-3 * glorot).all()  # not of the stds


def test_published_example_of_fixed_std():
    # He et al. 2015: 5.9 x 4.2² x 2.9² x 2.1⁴ = 1.7e4 with rounded factors.
    fans = [9 * c for c in (64, 128, 128, 256, 256, 512, 512, 512, 512)]
    assert ds.shrinkage(fans, 0.01) == pytest.approx(1.7e4, rel=0.02)
    for channels, std in ((64, 0.0589), (128, 0.0417), (256, 0.0295), (512, 0.0208)):
        assert ds.shrinkage([9 * channels], 1.0) == pytest.approx(std, abs=5e-5)
    variances, widths = [0.01**2] * 3, [50] * 4
    passed = sqrt(ds.forward(widths, variances)[-1].total)
    assert ds.shrinkage(widths[:-1], 0.01) == pytest.approx(1 / passed, rel=1e-12)


def test_share_across_inputs():
    golden = {1: 1.0, 5: 0.319, 20: 0.0555, 50: 0.0126}  # of an independent program, rounded
    for layer, share in golden.items():
        assert ds.share_across_inputs(layer) == pytest.approx(share, rel=5e-3)
    # Iterates of the arc-cosine map from 0, of an independent program: c_1, c_2, c_3, c_5, c_20, c_1000.
    for steps, c in (
        (1, 0.31830989),
        (2, 0.49373109),
        (3, 0.60482572),
        (5, 0.73594635),
        (20, 0.94842848),
        (1000, 0.99995687),
    ):
        assert 1 - ds.share_across_inputs(steps + 1) == pytest.approx(c, abs=6e-9)
    assert ds.share_across_inputs(10**5) * 2e10 / (9 * pi**2) == pytest.approx(1.0, rel=1e-3)
    assert ds.share_across_inputs(30, cosine=0.4, negative_slope=1.0) == pytest.approx(0.6)
    assert ds.share_across_inputs(9, cosine=1.0) == 0.0


@pytest.mark.parametrize("layer", [200, 1000])
def test_share_far_down_keeps_its_digits(layer):
    with mpmath.workdps(40):
        c = mpmath.mpf(0)
        for _ in range(layer - 1):
            t = mpmath.acos(c)
            c += (mpmath.sin(t) - t * c) / mpmath.pi
        expected = float(1 - c)
    assert ds.share_across_inputs(layer) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize(("c", "slope"), [(0.3, 0.0), (-0.8, 0.0), (0.99, 0.0), (0.3, 0.2), (-1.0, 0.1)])
def test_one_layer_against_quadrature(c, slope):
    # E phi(u) phi(v) by the polar form of two normals: exact sectors instead of Gauss nodes across the kink.
    angle = np.arccos(c)
    cuts = np.sort(np.mod([pi / 2, -pi / 2, angle + pi / 2, angle - pi / 2, 0.0], 2 * pi))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = 0.0
    for a, b in zip(cuts, np.append(cuts[1:], 2 * pi + cuts[0]), strict=True):
        t = (a + b) / 2 + (b - a) / 2 * nodes
        u, v = np.cos(t), np.cos(t - angle)
        total += (b - a) / 2 * weights @ (np.where(u > 0, u, slope * u) * np.where(v > 0, v, slope * v))
    expected = 1 - total / pi / ((1 + slope**2) / 2)  # E r² = 2 over 2 pi
    assert ds.share_across_inputs(2, cosine=c, negative_slope=slope) == pytest.approx(expected, abs=1e-12)


def test_share_in_a_wide_net():
    # One He net of width 1000 on 200 inputs in 1000 dimensions: mean field to a few percent.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 1000))
    for layer in range(1, 6):
        z = x @ rng.normal(0, sqrt((1 if layer == 1 else 2) / 1000), (1000, 1000))
        share = z.var(0).mean() / (z**2).mean()
        assert share == pytest.approx(ds.share_across_inputs(layer), rel=0.06)
        x = np.maximum(z, 0)


def test_mean_square_of_a_relu_by_gauss_hermite():
    z, w = roots_hermitenorm(180)
    half = (w @ np.where(z > 0, z, 0.3 * z) ** 2) / w.sum()
    assert ds.forward([7, 1], [1 / 7], negative_slope=0.3)[0].mean_square == pytest.approx(half, rel=1e-12)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="factors"):
        ds.scaled([1.0, -2.0])
    with pytest.raises(ValueError, match="fans"):
        ds.forward([3], [])
    with pytest.raises(ValueError, match="one variance"):
        ds.forward([3, 4], [0.1, 0.2])
    with pytest.raises(ValueError, match="below 0"):
        ds.backward([3, 4], [-0.1])
    with pytest.raises(ValueError, match="std"):
        ds.shrinkage([3], 0.0)
    with pytest.raises(ValueError, match="layer"):
        ds.share_across_inputs(0)
