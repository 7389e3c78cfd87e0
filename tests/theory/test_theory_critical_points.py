"""Critical points: exact spectra and golden entries, and the families against 40 digits of a plain formula."""

import numpy as np
import pytest

from trainability.theory.critical_points import classify, find, newton, recognise
from trainability.theory.families import flipped, follow
from trainability.theory.teacher_student import gradient, loss


def global_spectrum(k):
    """Hessian eigenvalues at W = V = I, from the blocks that its symmetry leaves."""
    p = 1 / (2 * np.pi)
    three = np.linalg.eigvals([[1 / 2 - p, (k - 1) / 4, -1 / 4], [1 / 4, k / 4, -1 / 4 + p], [0, p, 1 / 4]]).real
    two = np.linalg.eigvals([[1 / 2 + (k - 1) * p, (k - 1) / 4], [1 / 4, k / 4 + p]]).real
    rest = [1 / 4 - p] * ((k - 1) * (k - 2) // 2) + [1 / 4 + p] * (k * (k - 3) // 2)
    return np.sort(np.concatenate([rest, np.repeat(three, k - 1), two]))


@pytest.mark.parametrize(("k", "largest"), [(4, None), (6, 2.065267), (10, 3.129168), (20, 5.703893)])
def test_spectrum_at_the_global_minimum(k, largest):
    order = np.random.default_rng(k).permutation(k)
    point = classify(np.eye(k)[order], np.eye(k))
    assert (point.kind, point.name, point.index) == ("minimum", "global minimum", 0)
    assert np.abs(point.spectrum - global_spectrum(k)).max() < 1e-12
    assert abs(point.loss) < 1e-14
    if largest:
        assert point.spectrum[-1] == pytest.approx(largest, abs=1e-6)


@pytest.mark.parametrize(
    ("K", "x", "value"),
    [(2, 0.5341549431, 0.0885119366), (3, 0.3820238114, 0.2423550302), (5, 0.2568406780, 0.7800764973),
     (10, 0.1557346041, 3.5986557114)],
)  # fmt: skip
def test_the_saddle_on_the_diagonal(K, x, value):
    # golden: (sqrt(K - 1) - acos(1/sqrt K) + pi)/(pi K), with its exact spectrum
    formula = (np.sqrt(K - 1) - np.arccos(K**-0.5) + np.pi) / (np.pi * K)
    assert formula == pytest.approx(x, abs=1e-10)
    found, norm = newton(np.full((K, K), 1.1 * x), np.eye(K))
    assert norm < 1e-13
    assert np.abs(found - x).max() < 1e-7  # one of a continuum: the rows share their length freely
    point = classify(np.full((K, K), formula), np.eye(K))
    down = -K / (2 * np.pi * formula * np.sqrt(K - 1))
    expected = [down] * (K - 1) ** 2 + [0.0] * (K - 1) + [K / 2 + down] * (K - 1) + [K / 2]
    assert point.loss == pytest.approx(value, abs=1e-10)
    assert np.abs(point.spectrum - np.sort(expected)).max() < 1e-12
    assert (point.kind, point.index, point.nullity) == ("saddle", (K - 1) ** 2, K - 1)


@pytest.mark.parametrize(
    ("k", "j", "value", "least"),
    [(5, 1, 0.02697047, -0.007702), (6, 1, 0.02508058, 0.004700), (7, 1, 0.02320271, 0.014059),
     (8, 1, 0.02150804, 0.021347), (9, 1, 0.02001418, 0.027182), (10, 1, 0.0187021945856, 0.031964),
     (3, 3, 0.02412366, -0.04448), (4, 4, 0.03765277, -0.01754), (5, 5, 0.04770838, -0.00583),
     (6, 6, 0.05566858, 0.00150), (10, 10, 0.07663666, 0.01749), (6, 5, None, -0.005825), (7, 6, 0.05532161, 0.001662),
     (10, 2, 0.03532688, None)],
)  # fmt: skip
def test_families_in_the_full_space(k, j, value, least):
    # golden: Newton's method on the full problem and on reduced equations, by an independent program
    point = flipped(k, j)
    W = point.matrix()
    assert np.abs(gradient(W, np.eye(k))).max() < 1e-13
    assert point.loss == pytest.approx(float(loss(W, np.eye(k))), abs=2e-14)
    full = classify(W, np.eye(k))
    assert full.kind == ("saddle" if full.spectrum[0] < 0 else "minimum")
    if value:
        assert point.loss == pytest.approx(value, abs=6e-9)
    if least:
        assert full.spectrum[0] == pytest.approx(least, abs=6e-6)


def test_entries_of_type_two_and_of_two_flipped():
    six, ten, two = flipped(6, 1), flipped(10, 1), flipped(10, 2)

    def entries(p):
        return (p.bulk_diagonal, p.bulk_bulk, p.bulk_flipped, p.flipped_bulk, p.flipped_diagonal)

    assert entries(six) == pytest.approx((0.986704, -0.050413, 0.308011, 0.224516, -0.601512), abs=6e-7)
    assert entries(ten) == pytest.approx((1.004355, -0.015812, 0.182368, 0.126042, -0.699037), abs=6e-7)
    assert (*entries(two), two.flipped_flipped) == pytest.approx((0.998, -0.037, 0.191, 0.136, -0.730, 0.153), abs=6e-4)
    a = flipped(10, 10)
    assert (a.flipped_diagonal, a.flipped_flipped) == pytest.approx((-0.80030403, 0.19847652), abs=6e-9)


def plain_loss(k, j, p):
    """The loss of a j-flipped point from its k² terms, in mpmath, with no regard to cancellation."""
    import mpmath as mp

    n = k - j
    b, q, r, t, s, u = (mp.mpf(x) for x in p)

    def pair(x, y, inner):
        c = min(mp.mpf(1), max(mp.mpf(-1), inner / (x * y)))
        return x * y * ((mp.pi - mp.acos(c)) * c + mp.sqrt(1 - c * c)) / (2 * mp.pi)

    F = mp.sqrt(s * s + (j - 1) * u * u + n * t * t)
    total = j * F**2 / 2 + j * (j - 1) * pair(F, F, 2 * s * u + (j - 2) * u * u + n * t * t) + mp.mpf(k) / 2
    total += mp.mpf(k) * (k - 1) / (2 * mp.pi) - 2 * j * (pair(F, 1, s) + (j - 1) * pair(F, 1, u) + n * pair(F, 1, t))
    if n:
        B = mp.sqrt(b * b + (n - 1) * q * q + j * r * r)
        total += n * B**2 / 2 + n * (n - 1) * pair(B, B, 2 * b * q + (n - 2) * q * q + j * r * r)
        total += 2 * n * j * pair(B, F, b * t + (n - 1) * q * t + r * s + (j - 1) * r * u)
        total -= 2 * n * (pair(B, 1, b) + (n - 1) * pair(B, 1, q) + j * pair(B, 1, r))
    return total / 2


@pytest.mark.parametrize(("k", "j"), [(50, 1), (10**4, 1), (10**6, 1), (10**5, 10**5), (10**6, 10**6 - 1), (1000, 3)])
def test_large_sizes_against_forty_digits(k, j):
    # The loss is stationary, so the entries' own rounding does not show in it. In the derivatives it does: an entry
    # is off by 1e-16 and the curvature of the mean direction is k/4.
    mpmath = pytest.importorskip("mpmath")
    point = flipped(k, j)
    p = (point.bulk_diagonal, point.bulk_bulk, point.bulk_flipped, point.flipped_bulk, point.flipped_diagonal,
         point.flipped_flipped)  # fmt: skip
    with mpmath.workdps(40):
        exact = plain_loss(k, j, p)
        assert point.loss == pytest.approx(float(exact), rel=1e-15 * k + 1e-13)
        n = k - j
        counts = (n, n * (n - 1), n * j, n * j, j, j * (j - 1))
        for i, count in enumerate(counts):
            if count:
                up, down = list(map(mpmath.mpf, p)), list(map(mpmath.mpf, p))
                up[i] += mpmath.mpf(10) ** -12
                down[i] -= mpmath.mpf(10) ** -12
                slope = (plain_loss(k, j, up) - plain_loss(k, j, down)) / (2 * mpmath.mpf(10) ** -12)
                assert abs(slope / count) < 1e-16 * k + 1e-14


# golden: losses of the families by Newton's method in an independent program; the large sizes by Newton's method on
# `plain_loss` with 60 digits
LOSSES = [
    (10, 1, 0.0187021945856), (20, 1, 0.0112755819476), (50, 1, 0.00518359815948), (10**4, 1, 2.96125833901e-5),
    (10**6, 1, 2.97246752644e-7), (10**8, 1, 2.97346668564e-9), (100, 100, 0.14207419), (1000, 1000, 0.16853332),
    (10**4, 10**4, 0.17747162), (10**5, 10**5, 0.180350537528), (100, 99, 0.141572201162), (10**6, 10**6 - 1, 0.181265887548),
    # as descent from 1000 random starts finds them, by flipped students
    (9, 2, 0.03749), (11, 1, 0.01755), (11, 2, 0.03335), (12, 3, 0.04546), (13, 3, 0.04329),
    (15, 1, 0.01406), (16, 2, 0.02588), (17, 3, 0.03617), (19, 1, 0.01174), (20, 2, 0.02192), (20, 3, 0.03215),
    (20, 4, 0.04202), (20, 5, 0.05156),
]  # fmt: skip


@pytest.mark.parametrize(("k", "j", "value"), LOSSES)
def test_losses_of_the_families(k, j, value):
    digits = len(f"{value:.15g}".split("e")[0].replace(".", "").lstrip("0"))
    point = flipped(k, j)
    assert point.residual < 1e-10
    assert point.loss == pytest.approx(value, rel=1.01 * 10.0 ** (1 - max(digits, 4)))


def test_least_eigenvalues_say_from_which_size_on_a_family_is_a_minimum():
    for j_of, first in ((lambda k: 1, 6), (lambda k: k, 6), (lambda k: k - 1, 7)):
        for k in (first - 1, first, first + 1):
            if k >= 5:
                kind = classify(flipped(k, j_of(k)).matrix(), np.eye(k)).kind
                assert kind == ("minimum" if k >= first else "saddle"), (k, first)


def test_seven_students_of_type_two():
    p = flipped(7, 1)
    entries = (p.bulk_diagonal, p.bulk_bulk, p.bulk_flipped, p.flipped_bulk, p.flipped_diagonal)
    assert entries == pytest.approx((0.996923, -0.035080, 0.261691, 0.185991, -0.632704), abs=6e-7)
    for K, x, y in (
        (3, -0.31818007, 0.65945309), (4, -0.48986, 0.49548), (5, -0.59407579, 0.39672856), (6, -0.66339737, 0.33070978)
    ):  # fmt: skip
        a = flipped(K, K)
        assert (a.flipped_diagonal, a.flipped_flipped) == pytest.approx((x, y), abs=6e-6 if K == 4 else 6e-9)


def test_entries_scale_with_the_size():
    p = flipped(10**8, 1)
    assert (p.bulk_diagonal - 1) * p.k**2 == pytest.approx(8 / np.pi, rel=0.15)  # 1 + 2.5e-16: rounding of 1 itself
    a = flipped(10**6, 10**6)
    assert a.flipped_flipped * a.k == pytest.approx(2, abs=0.01)
    assert (1 + a.flipped_diagonal) * a.k == pytest.approx(2, abs=0.01)
    one = flipped(10**6, 10**6 - 1)
    assert one.bulk_flipped * one.k == pytest.approx(2 - 4 / np.pi, abs=0.01)


@pytest.mark.parametrize("slope", [0.1, -0.3])
def test_critical_points_of_leaky_networks(slope):
    points = find(np.eye(2), 2, starts=30, slope=slope)
    assert points[0].loss == pytest.approx(0.0, abs=1e-14)
    assert all(p.gradient_norm < 1e-10 for p in points)
    for p in points:
        assert np.abs(gradient(p.W, np.eye(2), slope=slope)).max() < 1e-10
    seen = classify(np.eye(2), np.eye(2), slope=slope).spectrum
    from trainability.theory.teacher_student import hessian

    assert np.abs(seen - np.linalg.eigvalsh(hessian(np.eye(2), np.eye(2), slope=slope))).max() < 1e-15


def test_newton_does_not_depend_on_the_batch():
    W0 = np.random.default_rng(2).normal(size=(30, 3, 3))
    points, norms = newton(W0, np.eye(3))
    for i in (0, 17):
        alone, norm = newton(W0[i], np.eye(3))
        assert (points[i] == alone).all()
        assert norms[i] == norm


def test_limits():
    # The corrections are powers of 1/sqrt(k): Richardson's rule on k, 100 k takes the first one out.
    two = [p.loss * p.k for p in follow([10**4, 10**6])]
    assert (10 * two[1] - two[0]) / 9 == pytest.approx(1 / 2 - 2 / np.pi**2, abs=2e-5)
    for member in (lambda k: k, lambda k: k - 1):
        small, large = (p.loss for p in follow([10**4, 10**6], member))
        assert (10 * large - small) / 9 == pytest.approx(1 / 2 - 1 / np.pi, abs=2e-5)
    p = flipped(10**8, 1)
    assert p.flipped_bulk * p.k == pytest.approx(4 / np.pi, abs=2e-4)
    assert p.bulk_flipped * p.k == pytest.approx(2, abs=2e-4)
    assert p.bulk_bulk * p.k**2 == pytest.approx(-4 / np.pi, abs=2e-4)
    assert (1 + p.flipped_diagonal) * p.k == pytest.approx(5.357, abs=1e-3)


@pytest.mark.parametrize(
    ("j", "name"), [(1, "type II"), (2, "2-flipped"), (5, "5-flipped"), (7, "type I"), (8, "type A")]
)
def test_recognition_survives_order_and_rotation(j, name):
    k = 8
    rng = np.random.default_rng(j)
    W = flipped(k, j).matrix()[rng.permutation(k)]
    turn = np.linalg.qr(rng.normal(size=(k + 2, k + 2)))[0]
    V = turn[:k]
    seen = recognise(W @ V, V)
    assert (seen.name, seen.flipped) == (name, j)
    assert seen.spread < 1e-13
    assert recognise(W @ V + rng.normal(0, 1e-3, (k, k + 2)), V).name == "other"
    assert recognise(V[rng.permutation(k)], V).name == "global minimum"
    assert recognise(V[:3], V).name == "other"


def test_find_gives_minima_and_saddles_once():
    points = find(np.eye(2), 2, starts=60)
    assert (points[0].kind, points[0].name) == ("minimum", "global minimum")
    assert points[0].count > 10
    assert sum(p.kind == "minimum" for p in points) == 1
    assert all(p.gradient_norm < 1e-10 for p in points)
    assert any(abs(p.loss - 0.0885119366) < 1e-9 and p.index == 1 for p in points)


def test_a_degenerate_point_is_called_so():
    # two students on one teacher: near it only their sum counts, so two of four directions are flat
    point = classify([[0.3, 0.0], [0.7, 0.0]], [[1.0, 0.0]])
    assert (point.kind, point.nullity, point.loss) == ("degenerate", 2, pytest.approx(0.0, abs=1e-15))


def test_bad_input_is_refused():
    for wrong in ((2, 1), (5, 6), (5, 0), (4, 2)):
        with pytest.raises(ValueError, match="need"):
            flipped(*wrong)
    with pytest.raises(ValueError, match="one point"):
        classify(np.ones((2, 2, 2)), np.eye(2))
    with pytest.raises(ValueError, match="k=0; need a whole"):
        find(np.eye(2), 0)
    with pytest.raises(ValueError, match="direction of approach"):
        newton(np.zeros((2, 2)), np.eye(2))
