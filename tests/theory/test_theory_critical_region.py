"""Two students in a plane (Tian 2017, Sections 5.2, 5.3 and 7.2, Figure 10): signs, bounds, the collinear saddle.

Oracles: the generic solve of `normal_equations`, fifty digits, an optimiser, the exact gradient and Hessian of
`teacher_student`. Golden numbers were worked out in float64 by an independent program.
"""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar, nnls

from trainability.theory import critical_region as region
from trainability.theory import normal_equations, teacher_student
from trainability.theory.critical_region.separable import both

PAPER = (3 * np.pi / 8, 7 * np.pi / 8)


def at(angles, lengths=1.0):
    angles = np.asarray(angles, float)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1) * np.broadcast_to(lengths, angles.shape)[..., None]


def test_the_closed_form_is_the_generic_solve():
    rng = np.random.default_rng(1)
    for T in rng.uniform(0.05, np.pi - 1e-3, 60):
        phi = rng.uniform(0, 2 * np.pi, 7)
        # in 4 dimensions and turned, with lengths that must not matter
        turn = np.linalg.qr(rng.normal(size=(4, 4)))[0][:2]
        L = normal_equations.separable(at([0.0, T], [0.3, 5.0]) @ turn, at(phi, rng.uniform(0.1, 9, 7)) @ turn)
        assert np.abs(L[:, 0, 1] - region.separable_12(phi, T)).max() < 1e-10
        assert np.abs(L[:, 1, 0] - region.separable_21(phi, T)).max() < 1e-10


@pytest.mark.parametrize("where", ["anywhere", "near the cone", "opposite to it"])
def test_the_error_bound_against_fifty_digits(where):
    rng = np.random.default_rng(2)
    small, wide, near_pi = (
        10 ** rng.uniform(-6, 0, 60),
        rng.uniform(0.3, 3.1, 40),
        np.pi - 10 ** rng.uniform(-12, -1, 40),
    )
    for T in [*small, *wide, *near_pi]:
        phi = {"anywhere": 2 * np.pi * rng.random(), "near the cone": T * rng.uniform(-2, 3),
               "opposite to it": np.pi + T * rng.uniform(-2, 3)}[where]  # fmt: skip
        exact = np.array(region.precise(phi, T))
        assert np.abs(both(phi, T) - exact).max() < 1e-14 * T, (phi, T)


def test_the_textbook_form_is_the_same_where_it_does_not_cancel():
    phi = np.linspace(0, 2 * np.pi, 101)
    for T in (0.5, 1.5, 3.0):
        assert np.abs(both(phi, T) - both(phi, T, textbook=True)).max() < 1e-12


def test_narrow_cones():
    for x in (-3.0, -0.5, 0.01, 0.3, 0.5, 0.99, 1.5, 4.0):
        for T in (1e-3, 1e-6, 1e-8):
            one, two = region.precise(x * T, T, digits=80)
            assert one / T**3 == pytest.approx(float(region.narrow_cone(x)), rel=(1 + abs(x)) * T)
            assert two / T**3 == pytest.approx(float(region.narrow_cone(1 - x)), rel=(1 + abs(1 - x)) * T)
    x = np.linspace(-2, 3, 1001)
    assert (
        np.sign(region.narrow_cone(x)).round() == np.select([(x > 0) & (x < 1), (x == 0) | (x == 1)], [1, 0], -1)
    ).all()


@pytest.mark.parametrize(
    ("T", "middle", "largest", "where", "mirror", "smallest", "lowest", "lowest_21"),
    [
        (PAPER[0], 0.378428, 0.384755, 0.5171, 0.6610, -1.130384, 5.0064, 2.4549),
        (PAPER[1], 0.639151, 0.680471, 1.0868, None, -0.698366, 5.1615, None),
    ],
)
def test_the_extrema_of_figure_10(T, middle, largest, where, mirror, smallest, lowest, lowest_21):
    found = region.extrema(T)
    assert found.largest == pytest.approx(largest, abs=6e-7)
    assert found.smallest == pytest.approx(smallest, abs=6e-7)
    assert found.largest_at == pytest.approx(where, abs=6e-5)
    assert found.smallest_at == pytest.approx(lowest, abs=6e-5)
    if mirror is not None:
        assert found.mirrored(found.largest_at) == pytest.approx(mirror, abs=6e-5)
        assert found.mirrored(found.smallest_at) == pytest.approx(lowest_21, abs=6e-5)
    half = region.separable_12(T / 2, T)
    assert half == pytest.approx(middle, abs=6e-7)
    assert half == pytest.approx(float(region.separable_21(T / 2, T)), abs=1e-15)


@pytest.mark.parametrize("T", [0.05, 0.7, *PAPER, 2.0, 3.1])
def test_the_extrema_against_an_optimiser_of_the_generic_solve(T):
    def value(phi):
        return float(normal_equations.separable(at([0.0, T]), at([phi]))[0, 0, 1])

    found = region.extrema(T)
    grid = np.linspace(0, 2 * np.pi, 400)
    L = normal_equations.separable(at([0.0, T]), at(grid))[:, 0, 1]
    for sign, told, place in ((-1, found.largest, found.largest_at), (1, found.smallest, found.smallest_at)):
        # the top of a narrow cone lies between two points of a grid over the circle
        start = grid[np.argmin(sign * L)] if sign == 1 or T > 0.1 else T / 2
        half = 0.03 if sign == 1 or T > 0.1 else T / 2
        best = minimize_scalar(
            lambda phi, s=sign: s * value(phi),
            bounds=(start - half, start + half),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert told == pytest.approx(sign * best.fun, abs=1e-9)
        assert abs((place - best.x + np.pi) % (2 * np.pi) - np.pi) < (1e-6 if T > 0.1 else 1e-4)


def test_the_largest_value_in_a_narrow_cone():
    found = region.extrema(1e-3)  # of 2/3 x (1 - x) (2 - x), at 1 - 1/sqrt(3)
    assert found.largest == pytest.approx(1e-9 * 4 / (9 * np.sqrt(3)), rel=1e-3)
    assert found.largest_at == pytest.approx(1e-3 * (1 - 1 / np.sqrt(3)), abs=2e-7)


def test_the_conjecture_on_a_small_grid():
    fine = region.check_conjecture(400, 500)
    assert fine.points == 200_000
    assert fine.holds
    assert fine.suspect_count == fine.wrong_12 == fine.wrong_21 == 0
    assert fine.smallest == pytest.approx(min(abs(x) for x in region.precise(*fine.smallest_at)), rel=1e-6)


def test_float_mismatches_in_narrow_cones_are_all_right_in_fifty_digits():
    rough = region.check_conjecture(40, 20_000, (1e-5, 1e-3), textbook=True)
    assert rough.suspect_count > 0
    assert rough.counterexamples == ()
    assert max(rough.wrong_12, rough.wrong_21) <= rough.suspect_count <= rough.wrong_12 + rough.wrong_21
    assert all(T < 1e-3 for _, T in rough.suspects)
    assert region.check_conjecture(40, 20_000, (1e-5, 1e-3)).suspect_count == 0


def test_points_on_the_boundary_are_left_out_of_the_grid():
    check = region.check_conjecture(10, 20)  # every T is one of the phi
    assert check.points == 190
    assert check.holds


def least_gradient(phi, T, splits=201):
    """The smallest gradient over all lengths of two students and all splits of two teachers' lengths."""
    E = at([0.0, T])

    def columns(V):
        g = [teacher_student.gradient(np.diag(s) @ E, V).ravel() for s in ([1.0, 1.0], [2.0, 1.0], [1.0, 2.0])]
        A = np.stack([g[1] - g[0], g[2] - g[0]], axis=1)
        return A, A.sum(axis=1) - g[0]

    A, one = columns(at(phi, [1.0, 1e-9]))
    _, two = columns(at(phi, [1e-9, 1.0]))
    return min(nnls(A, s * one + (1 - s) * two)[1] for s in np.linspace(0, 1, splits))


def test_theorem_3_with_a_number():
    rng = np.random.default_rng(3)
    for _ in range(30):
        T = rng.uniform(0.2, 3.0)
        low, high = (0.0, T) if rng.random() < 0.5 else (T, 2 * np.pi)
        phi = rng.uniform(low, high, 2)
        floor = region.gradient_floor(phi, T)
        assert floor > 0
        assert least_gradient(phi, T) >= floor - 1e-9
    assert least_gradient([2e-4, 5e-4], 1e-3) >= region.gradient_floor([2e-4, 5e-4], 1e-3) > 0
    assert least_gradient([0.0, 1.0], 1.0) < 1e-8
    assert region.gradient_floor([0.3, 2.0], 1.0) == 0.0  # one in, one out: nothing is said
    # a teacher cut in two is the same teacher
    assert region.gradient_floor(0.5, 1.0) == pytest.approx(region.gradient_floor([0.5, 0.5], 1.0))


def test_theorem_4():
    W = at([0.0, 1.0])
    assert region.excluded_by_cones(W, at([0.2, 0.9], [1, 3]))
    assert region.excluded_by_cones(W, at([2.0, 4.0, 5.0], [1, 3, 2]))
    assert not region.excluded_by_cones(W, at([0.5, 2.0]))
    assert not region.excluded_by_cones(W, at([0.0, 1.0]))
    assert region.excluded_by_cones(W, at([0.0, 0.5]))  # the one along a student adds nothing
    for V in (at([0.2, 0.9]), at([2.0, 5.0]), at([0.0, 0.5])):
        L = normal_equations.separable(W, V)[:, 0, 1]
        assert np.abs(L.sum()) > 1e-3
        assert np.ptp(np.sign(np.where(np.abs(L) < 1e-12, L.sum(), L))) == 0


def test_the_source_s_point_for_unequal_teachers():
    V = np.array([[1.0, 0.0], [0.0, 2.0]])
    gradient = teacher_student.gradient(region.bisector_point(V), V)
    assert np.abs(gradient).max() == pytest.approx(0.1875, abs=1e-15)
    (strongest, _) = points = region.collinear_points(V)
    assert strongest.strongest
    assert np.arctan2(strongest.direction[1], strongest.direction[0]) == pytest.approx(1.24629, abs=6e-6)
    assert strongest.total_length == pytest.approx(4.79369 / 2, abs=6e-6)
    # the length of each of two students, as an optimiser of the exact loss finds it
    found = minimize(lambda w: float(teacher_student.loss(np.stack([w, w]), V)), [0.5, 1.0], tol=1e-14).x
    assert 2 * found == pytest.approx(strongest.weights().sum(axis=0), abs=1e-6)
    assert all(np.abs(teacher_student.gradient(p.weights(0.3), V)).max() < 1e-14 for p in points)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_the_gradient_at_the_source_s_point(share):
    rng = np.random.default_rng(4)
    for _ in range(20):
        V = at(rng.uniform(0, 2 * np.pi) + np.array([0, rng.uniform(0.01, 3.1)]), rng.uniform(0.1, 5, 2))
        V = V @ np.linalg.qr(rng.normal(size=(3, 3)))[0][:2]
        rows = np.linalg.norm(teacher_student.gradient(region.bisector_point(V, share), V), axis=1)
        assert rows == pytest.approx([region.bisector_gradient(V)] * 2, rel=1e-10)
        V[1] *= np.linalg.norm(V[0]) / np.linalg.norm(V[1])
        assert np.abs(teacher_student.gradient(region.bisector_point(V, share), V)).max() < 1e-14


@pytest.mark.parametrize("m", [2, 3, 5])
def test_collinear_points_are_critical_and_complete(m):
    rng = np.random.default_rng(m)
    for _ in range(10):
        V = at(rng.uniform(0, 2 * np.pi, m), rng.uniform(0.2, 3, m))
        points = region.collinear_points(V)
        for p in points:
            shares = rng.dirichlet(np.ones(4))
            assert np.abs(teacher_student.gradient(p.weights(shares), V)).max() < 1e-13
            assert np.linalg.norm(p.weights(shares), axis=1).sum() == pytest.approx(p.total_length)
        # a finer grid of the pull has as many turning points
        u = at(np.linspace(0, 2 * np.pi, 20_000, endpoint=False))
        pull = teacher_student.normalised_kernel(teacher_student.angle(u[:, None], V)) @ np.linalg.norm(V, axis=1)
        top = (pull > np.roll(pull, 1)) & (pull > np.roll(pull, -1))
        assert top.sum() == sum(p.strongest for p in points) == len(points) / 2


def test_nearly_parallel_and_nearly_opposite_teachers():
    # opposite teachers pull to both sides, and between lie two minima, where (pi - t) |v_1| = t |v_2|
    for angle, count in ((1e-3, 2), (np.pi - 1e-3, 4)):
        V = at([0.0, angle], [1.0, 1.5])
        points = region.collinear_points(V)
        assert len(points) == count
        if count == 4:
            assert [np.degrees(np.arccos(p.direction[0])) for p in points[2:]] == pytest.approx([72, 72], abs=0.1)
        assert all(np.abs(teacher_student.gradient(p.weights(), V)).max() < 1e-13 for p in points)


@pytest.mark.parametrize(
    ("angle", "share", "spectrum"),
    [
        (np.pi / 2, 0.5, (-0.59591, 0, 0.40409, 1)),
        (np.pi / 2, 0.3, (-0.78433, 0, 0.36549, 1)),
        (1.0, 0.5, (-0.34274, 0, 0.65726, 1)),
    ],
)
def test_it_is_a_saddle_with_one_free_direction(angle, share, spectrum):
    V = at([0.0, angle])
    point = region.collinear_points(V)[0]
    W = point.weights(share)
    assert np.abs(W - region.bisector_point(V, share)).max() < 1e-14
    H = teacher_student.hessian(W, V)
    assert np.linalg.eigvalsh(H) == pytest.approx(spectrum, abs=6e-6)
    shift = np.concatenate([point.direction, -point.direction])  # length from one student to the other
    assert np.abs(H @ shift).max() < 1e-14


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: region.separable_12(0.1, 0.0), "0 < T < pi"),
        (lambda: region.separable_12(np.nan, 1.0), "1 of 1 phi not finite"),
        (lambda: region.separable_21([0.1, 0.2], [1.0, 4.0]), "1 of 2 T out of"),
        (lambda: region.in_cone(0.1, np.nan), "out of"),
        (lambda: region.precise(0.1, 1.0, digits=10), "digits=10"),
        (lambda: region.precise([0.1, 0.2], 1.0), "one number each"),
        (lambda: region.extrema(np.pi), "0 < T < pi"),
        (lambda: region.extrema([1.0, 2.0]), "need one number"),
        (lambda: region.gradient_floor(0.1, [1.0, 2.0]), "need one number"),
        (lambda: region.gradient_floor([], 1.0), "no teacher"),
        (lambda: region.narrow_cone(np.inf), "not finite"),
        (lambda: region.check_conjecture(0, 10), "one point at least"),
        (lambda: region.check_conjecture(5, 10, (0.0, 4.0)), "high <= pi"),
        (lambda: region.check_conjecture(5, 10, (0.0, np.nan)), "high <= pi"),
        (lambda: region.excluded_by_cones(np.ones((2, 2)), np.eye(2)), "parallel students"),
        (lambda: region.excluded_by_cones(np.eye(3), np.eye(3)), "two students"),
        (lambda: region.excluded_by_cones(np.eye(3)[:2], np.eye(3)), "one plane"),
        (lambda: region.excluded_by_cones([[0.0, 0.0], [1.0, 0.0]], np.eye(2)), "equal to 0"),
        (lambda: region.excluded_by_cones(np.eye(2), [[1.0, np.nan]]), "not finite"),
        (lambda: region.collinear_points([[1.0, 0.0], [2.0, 0.0]]), "do not span a plane"),
        (lambda: region.collinear_points(np.eye(3)), "do not span a plane"),
        (lambda: region.collinear_points(np.eye(2))[0].weights(1.0), "0 < share < 1"),
        (lambda: region.collinear_points(np.eye(2))[0].weights([0.5, 0.2]), "sum 1"),
        (lambda: region.bisector_point([[1.0, 0.0], [-2.0, 0.0]]), "that are opposite"),
        (lambda: region.bisector_point(np.eye(3)), "3 teachers"),
        (lambda: region.bisector_point(np.eye(2), 0.0), "share=0"),
        (lambda: region.bisector_gradient(np.eye(2)[:1]), "1 teachers"),
        (lambda: region.bisector_point([[0.0, 0.0], [1.0, 0.0]]), "equal to 0"),
    ],
)
def test_bad_input_says_what_was_needed(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "need" in str(caught.value)
