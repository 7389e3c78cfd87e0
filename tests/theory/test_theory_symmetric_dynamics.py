"""The plane of symmetric students: the field by three other paths, the published protocol, limits, critical points.

Golden numbers were worked out in float64 by an independent program from the paper's formulas and protocol.
"""

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq

from trainability.theory import symmetric_dynamics as plane
from trainability.theory import teacher_student
from trainability.theory.families import flipped

STEPS = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999]
# errors at STEPS; highest y, its step and x there; first step with an error below 0.01; (x, y) at step 999
PUBLISHED = {
    2: (
        [0.998001, 0.45639, 0.324943, 0.233441, 0.15082, 0.086797, 0.045529, 0.022406, 0.010586, 0.004876, 0.002228],
        (0.361163, 221, 0.582257),
        808,
        (0.96746002, 0.03419019),
    ),
    5: (
        [0.998001, 0.3796543, 0.1283947, 0.03338474, 0.007867422, 0.001783257, 3.974909e-4, 8.793712e-5, 1.938720e-5,
         4.267369e-6, 9.529220e-7],
        (0.163867, 88, 0.441041),
        384,
        (0.99922437, 0.00029636),
    ),
}  # fmt: skip
TYPE_A = [  # K, x, y, loss, least eigenvalue of the full Hessian
    (3, -0.31818007, 0.65945309, 0.02412366, -0.04448),
    (4, -0.48986, 0.49548, 0.03765277, -0.01754),
    (5, -0.59407579, 0.39672856, 0.04770838, -0.00583),
    (6, -0.66339737, 0.33070978, 0.05566858, 0.00150),
    (10, -0.80030403, 0.19847652, 0.07663666, 0.01749),
]


def full(x, y, K):
    """The derivatives that gradient descent on all K^2 weights gives to x and y, from the general formula."""
    gradient = teacher_student.gradient(plane.weights(x, y, K), np.eye(K))
    off = gradient[~np.eye(K, dtype=bool)]
    assert np.ptp(np.diag(gradient)) < 1e-13
    assert np.ptp(off) < 1e-13
    return -gradient[0, 0], -off[0]


def in_fifty_digits(x, y, K):
    """The field as the paper writes it, with arccos."""
    with mpmath.workdps(50):
        x, y, n = mpmath.mpf(x), mpmath.mpf(y), K - 1
        a = 1 / mpmath.sqrt(x * x + n * y * y)
        cosines = a * x, a * y, a * a * (2 * x * y + (K - 2) * y * y)
        theta, star, phi = (mpmath.acos(max(-1, min(1, c))) for c in cosines)
        A = (mpmath.pi - phi) * (x - 1 + n * y)
        C = n * (a * mpmath.sin(star) - mpmath.sin(phi)) + a * mpmath.sin(theta)
        dx = -(A + phi * (x - 1) + theta - C * x) / (2 * mpmath.pi)
        dy = -(A + phi * y + star - phi - C * y) / (2 * mpmath.pi)
        return float(dx), float(dy)


@pytest.mark.parametrize("K", PUBLISHED)
def test_the_published_protocol_to_six_digits(K):
    errors, (top, step, there), first, last = PUBLISHED[K]
    x, y = plane.descend(1e-3, 0.0, K, lr=0.01, steps=1000)
    seen = plane.squared_error(x, y, K)
    assert seen[STEPS] == pytest.approx(errors, rel=1e-6, abs=5.1e-7 if K == 2 else 0)
    assert int(y.argmax()) == step
    assert (y.max(), x[step]) == pytest.approx((top, there), abs=5.1e-7)
    assert int(np.argmax(seen < 0.01)) == first
    assert (x[999], y[999]) == pytest.approx(last, abs=5.1e-9)


def test_the_published_protocol_for_ten():
    x, y = plane.descend(1e-3, 0.0, 10)
    assert (x[999], y[999]) == pytest.approx((0.99999946, 0.00000011), abs=5.1e-9)


@pytest.mark.parametrize(
    ("K", "top", "when", "there", "to_percent", "to_millionth"),
    [
        (2, 0.397669, 2.413, 0.570018, 8.828, 20.233),
        (5, 0.189144, 0.964, 0.389324, 4.245, 10.390),
        (10, 0.107075, 0.452, 0.358504, 2.057, 5.226),
    ],
)
def test_the_limit_of_small_steps(K, top, when, there, to_percent, to_millionth):
    def rise(t):
        x, y = plane.flow(1e-3, 0.0, K, [t])
        return float(plane.field(x[0], y[0], K)[1])

    t = brentq(rise, 0.5 * when, 1.5 * when, xtol=1e-10)
    x, y = plane.flow(1e-3, 0.0, K, [t])
    assert t == pytest.approx(when, abs=6e-4)
    assert y[0] == pytest.approx(top, abs=1e-6)
    assert x[0] == pytest.approx(there, abs=2e-4)  # the golden x was read at the nearest time of a grid
    for error, golden in ((0.01, to_percent), (1e-6, to_millionth)):
        reached = plane.time_to_reach(1e-3, 0.0, K, error)
        assert plane.squared_error(*plane.flow(1e-3, 0.0, K, [reached]), K)[0] == pytest.approx(error, rel=1e-7)
        assert -6e-4 < golden - reached < 1.6e-3  # the golden times were, too: the first of a grid of 0.001


def test_descent_with_small_steps_is_the_flow():
    exact = np.array(plane.flow(0.3, 0.1, 4, [1.0])).ravel()
    gaps = []
    for steps in (200, 400, 800):
        x, y = plane.descend(0.3, 0.1, 4, lr=1 / steps, steps=steps)
        gaps.append(np.abs(np.array([x[-1], y[-1]]) - exact).max())
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.02)  # first order
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.02)
    assert gaps[2] < 1e-3


@pytest.mark.parametrize(("K", "dx"), [(2, 0.65849579), (5, 1.13548315), (10, 1.93046209)])
def test_the_field_at_the_published_start(K, dx):
    assert np.array(plane.field(1e-3, 0.0, K)) == pytest.approx((dx, 0.24975), abs=5.1e-9)


def test_the_field_and_the_loss_are_those_of_all_weights():
    rng = np.random.default_rng(0)
    for _ in range(60):
        K, (x, y) = int(rng.integers(2, 13)), rng.normal(size=2) * 10 ** rng.uniform(-3, 1)
        told = np.array(plane.field(x, y, K))
        assert told == pytest.approx(full(x, y, K), rel=1e-12, abs=1e-13)
        W, V = plane.weights(x, y, K), np.eye(K)
        assert float(plane.loss(x, y, K)) == pytest.approx(float(teacher_student.loss(W, V)), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("K", [2, 3, 17])
def test_the_field_keeps_its_digits_where_angles_are_nearly_0_or_pi(K):
    near = [(0.4, 0.4 + 1e-9), (-0.3, -0.3 + 1e-10), (1.0, 1e-11), (-1.0, 1e-9), (1 - 1e-12, 0.0), (1e-9, 2e-9)]
    near += [(0.7, -0.7 + 1e-9), (1e-9, 1.0), (-1e-10, -1.0)]
    for x, y in near:
        assert np.array(plane.field(x, y, K)) == pytest.approx(in_fifty_digits(x, y, K), abs=2e-15 * K), (x, y)


def test_the_jacobian_is_the_full_hessian_in_the_plane_and_a_central_difference():
    rng = np.random.default_rng(1)
    for _ in range(25):
        K, (x, y) = int(rng.integers(2, 8)), rng.normal(size=2)
        J, step = plane.jacobian(x, y, K), 1e-6
        by_x = (np.array(plane.field(x + step, y, K)) - plane.field(x - step, y, K)) / (2 * step)
        by_y = (np.array(plane.field(x, y + step, K)) - plane.field(x, y - step, K)) / (2 * step)
        assert pytest.approx(np.stack([by_x, by_y], axis=1), abs=1e-6) == J
        own = np.eye(K).ravel()
        span = np.stack([own, 1 - own], axis=1)
        H = teacher_student.hessian(plane.weights(x, y, K), np.eye(K))
        assert pytest.approx(np.diag([1 / K, 1 / (K * (K - 1))]) @ span.T @ H @ span, abs=1e-12) == -J


@pytest.mark.parametrize(("K", "low"), [(2, -0.59591), (5, -1.54916), (10, -3.40654), (4, None), (13, None)])
def test_the_saddles_spectrum(K, low):
    x, _ = plane.saddle(K)
    told = plane.saddle_spectrum(K)
    assert [times for _, times in told] == [(K - 1) ** 2, K - 1, K - 1, 1]
    if low is not None:
        assert told[0][0] == pytest.approx(low, abs=5.1e-6)
    seen = np.linalg.eigvalsh(teacher_student.hessian(plane.weights(x, x, K), np.eye(K)))
    assert seen == pytest.approx(np.sort(np.repeat(*zip(*told, strict=True))), abs=1e-10)
    in_plane = np.sort(np.linalg.eigvals(plane.jacobian(x, x, K)).real)
    assert in_plane == pytest.approx([-K / 2, -told[0][0]], abs=1e-10)


@pytest.mark.parametrize("K", [2, 3, 5, 10, 37])
def test_the_closed_forms_on_the_diagonal_are_what_newton_and_fifty_digits_find(K):
    for told, sign in ((plane.saddle(K), 1), (plane.opposite_point(K), -1)):
        root = brentq(lambda x: in_fifty_digits(x, x, K)[0], *sorted((sign * 1e-3, sign * 0.9)), xtol=1e-15)
        assert told == pytest.approx((root, root), abs=1e-13)
        assert plane.newton(told[0] * 1.01, told[1] * 0.995, K) == pytest.approx(told, abs=1e-11)


@pytest.mark.parametrize(("K", "x"), [(2, -0.03415494), (10, -0.05573460)])
def test_the_opposite_point(K, x):
    assert plane.opposite_point(K) == pytest.approx((x, x), abs=5.1e-9)
    assert np.abs(full(x, x, K)).max() < 1e-6
    exact = plane.opposite_point(K)
    assert np.abs(full(*exact, K)).max() < 1e-14
    # along the line it attracts, off the line it repels
    values = np.sort(np.linalg.eigvals(plane.jacobian(*exact, K)).real)
    assert values[0] == pytest.approx(-K / 2, abs=1e-10)
    assert values[1] > 1
    if K == 2:
        assert float(plane.loss(*exact, 2)) == pytest.approx(0.65682, abs=5.1e-6)


@pytest.mark.parametrize(
    ("K", "value"),
    [(2, 0.659155), (3, 1.227465), (5, 2.841549), (10, 9.661972), (20, 35.239439), (50, 207.464805), (100, 812.816968)],
)
def test_the_loss_of_no_weights(K, value):
    assert plane.loss_at_zero(K) == pytest.approx(value, abs=5.1e-7)
    assert float(plane.loss(1e-12, 0.0, K)) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("K", "x", "y", "loss", "least"), TYPE_A)
def test_the_point_on_the_other_side(K, x, y, loss, least):
    X, Y = plane.flow(0.1, 0.4, K, [60.0])
    assert (X[0], Y[0]) == pytest.approx((x, y), abs=6e-6 if K == 4 else 1e-8)
    there = flipped(K, K)  # by other equations: all K students flipped
    assert (X[0], Y[0]) == pytest.approx((there.flipped_diagonal, there.flipped_flipped), abs=1e-10)
    assert float(plane.loss(X[0], Y[0], K)) == pytest.approx(loss, abs=5.1e-9)
    H = teacher_student.hessian(plane.weights(X[0], Y[0], K), np.eye(K))
    assert np.linalg.eigvalsh(H)[0] == pytest.approx(least, abs=6e-6)
    found = [p for p in plane.critical_points(K, starts=7) if np.hypot(p.x - x, p.y - y) < 1e-4]
    assert [p.kind for p in found] == ["minimum"]  # in the plane, whatever it is outside


@pytest.mark.parametrize(("K", "until"), [(2, 22.5), (3, 17.4), (5, 11.5), (10, 6.0)])
def test_the_whole_region_of_theorem_7_goes_to_the_teacher(K, until):
    i, j = np.tril_indices(50)
    x0, y0 = (i + 1) / 50, j / 50
    assert len(x0) == 1275
    assert (x0 > y0).all()
    x, y = plane.flow(x0, y0, K, [0.97 * until, 1.03 * until, 60.0])
    far = np.sqrt(plane.squared_error(x, y, K)).max(axis=1)
    assert far[0] > 1e-3 > far[1]
    assert far[2] < 1e-8


def test_the_flow_of_many_starts_is_that_of_each():
    x0, y0, times = np.array([[0.2, -0.5, 0.3], [1.1, 0.9, -0.2]]), np.array([0.1, 0.6, 0.8]), [0.0, 0.5, 0.5, 3.0]
    x, y = plane.flow(x0, y0, 3, times)
    assert x.shape == y.shape == (4, 2, 3)
    for i in range(2):
        for j in range(3):
            one = plane.flow(x0[i, j], y0[j], 3, times)
            assert one[0].shape == (4,)
            assert x[:, i, j] == pytest.approx(one[0], abs=1e-10)
            assert y[:, i, j] == pytest.approx(one[1], abs=1e-10)
    assert np.array(plane.flow(0.2, 0.1, 3, [0.0, 0.0])).tolist() == [[0.2, 0.2], [0.1, 0.1]]


def test_time_to_reach_at_its_ends():
    assert plane.time_to_reach(1.0, 0.0, 3, 1e-6) == 0.0
    assert plane.time_to_reach(0.1, 0.4, 3, 1e-6) == np.inf
    assert plane.time_to_reach(0.1, 0.4, 2, 1e-6, target=(0.0, 1.0)) == pytest.approx(
        plane.time_to_reach(0.4, 0.1, 2, 1e-6), rel=1e-6
    )


def test_a_step_that_is_too_large_is_an_outcome():
    x, y = plane.descend(0.5, 0.1, 5, lr=50.0, steps=300)
    assert x.shape == y.shape == (301,)
    assert np.isfinite(x[:5]).all()
    assert not np.isfinite(x[-1])
    assert not np.isfinite(plane.squared_error(x, y, 5)[-1])


@pytest.mark.parametrize("K", [1, 0, -3, 2.5, np.nan, np.inf, "five", None, [2]])
def test_a_number_of_students_that_is_none_is_refused_everywhere(K):
    calls = [
        lambda: plane.field(0.5, 0.1, K), lambda: plane.loss(0.5, 0.1, K), lambda: plane.jacobian(0.5, 0.1, K),
        lambda: plane.weights(0.5, 0.1, K), lambda: plane.squared_error(0.5, 0.1, K), lambda: plane.loss_at_zero(K),
        lambda: plane.saddle(K), lambda: plane.saddle_spectrum(K), lambda: plane.opposite_point(K),
        lambda: plane.critical_points(K), lambda: plane.newton(0.5, 0.1, K), lambda: plane.descend(0.5, 0.1, K),
        lambda: plane.flow(0.5, 0.1, K, [1.0]), lambda: plane.time_to_reach(0.5, 0.1, K, 0.1),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match=r"^Got K=.*; need .*(such as|See)"):
            call()


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (np.nan, 0.1), (0.1, np.inf), ([0.5, 0.0], [0.1, 0.0])])
def test_a_point_without_a_gradient_is_refused(x, y):
    calls = [plane.field, plane.loss, plane.descend, lambda x, y, K: plane.flow(x, y, K, [1.0])]
    if np.ndim(x) == 0:
        calls += [plane.jacobian, plane.newton, lambda x, y, K: plane.time_to_reach(x, y, K, 0.1)]
    for call in calls:
        with pytest.raises(ValueError, match=r"^Got x.*; need .*\. (Take|Lower)"):
            call(x, y, 3)
    if not np.all(np.isfinite([x, y])):
        with pytest.raises(ValueError, match=r"^Got x=.*; need finite"):
            plane.weights(x, y, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plane.descend(0.5, 0.1, 3, lr=0.0), "lr > 0"),
        (lambda: plane.descend(0.5, 0.1, 3, lr=np.nan), "lr > 0"),
        (lambda: plane.descend(0.5, 0.1, 3, steps=-1), "steps >= 0"),
        (lambda: plane.descend(0.5, 0.1, 3, steps=1.5), "steps >= 0"),
        (lambda: plane.flow(0.5, 0.1, 3, [1.0, 0.5]), "rising"),
        (lambda: plane.flow(0.5, 0.1, 3, []), "rising"),
        (lambda: plane.flow(0.5, 0.1, 3, [-1.0, 1.0]), "rising"),
        (lambda: plane.flow(0.5, 0.1, 3, [0.0, np.nan]), "rising"),
        (lambda: plane.time_to_reach(0.5, 0.1, 3, 0.0), "above 0"),
        (lambda: plane.time_to_reach(0.5, 0.1, 3, np.nan), "above 0"),
        (lambda: plane.time_to_reach(0.5, 0.1, 3, 0.1, target=(np.nan, 0.0)), "finite"),
        (lambda: plane.critical_points(3, extent=0.0), "extent > 0"),
        (lambda: plane.critical_points(3, starts=1), "starts >= 2"),
    ],
)
def test_other_bad_arguments(call, says):
    with pytest.raises(ValueError, match=f"^Got .*; need .*{says}"):
        call()
