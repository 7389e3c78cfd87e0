"""Tian 2017 (arXiv 1703.00560): its equations as identities, its theorems as numbers.

Golden numbers were worked out in float64 by an independent program, except where an identity or a Monte Carlo is the oracle.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betainc

from trainability.theory import (
    ball_probability,
    critical_region,
    deep_gradient,
    gating,
    normal_equations,
    single_relu,
    symmetric_dynamics,
    teacher_student,
)

RNG = np.random.default_rng(0)


def random_networks(k=3, d=5):
    return RNG.normal(size=(k, d)), RNG.normal(size=(k, d))


def test_the_gating_function_is_the_mean_of_its_samples():
    e, w = RNG.normal(size=4), RNG.normal(size=4)
    e = e / np.linalg.norm(e)
    inputs = RNG.normal(size=(400_000, 4))
    exact, seen = gating.population(e, w), gating.sampled(e, w, inputs)
    t = np.arccos(e @ w / np.linalg.norm(w))
    spread = float(gating.relative_error(t, 4, len(inputs)))
    # The law gives the relative RMS error; five times it fails by chance less than once in a million.
    assert np.linalg.norm(seen - exact) < 5 * spread * np.linalg.norm(exact)


def test_the_error_law_at_its_ends():
    d, n = 10, 1000
    assert float(gating.relative_error(0.0, d, n)) == pytest.approx(np.sqrt((2 * d + 3) / n), rel=1e-12)
    delta = 1e-4
    near_pi = np.sqrt(4 * np.pi * (d + 2) / (3 * delta * n))
    assert float(gating.relative_error(np.pi - delta, d, n)) == pytest.approx(near_pi, rel=1e-2)
    assert float(gating.relative_error(np.pi / 2, d, n)) == pytest.approx(0.182, abs=5e-4)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 2.0, 3.0])
def test_theorem_1_by_sampling(t):
    d, n = 5, 400_000
    e, w = np.eye(d)[0], 2.5 * (np.cos(t) * np.eye(d)[0] + np.sin(t) * np.eye(d)[1])
    x = np.random.default_rng([int(10 * t)]).normal(size=(n, d))
    each = np.where((x @ e > 0) & (x @ w > 0), x @ w, 0.0)[:, None] * x
    # 5 angles x 5 entries at 4.5 standard errors: a false alarm in 2e-4 of all fresh seeds
    assert (np.abs(gating.population(e, w) - each.mean(0)) < 4.5 * each.std(0) / np.sqrt(n) + 1e-15).all()
    exact = ((np.pi - t) * w + 2.5 * np.sin(t) * e) / (2 * np.pi)
    assert np.abs(gating.population(e, w) - exact).max() < 1e-15


@pytest.mark.parametrize(("d", "n"), [(10, 1000), (50, 1000), (3, 4000)])
@pytest.mark.parametrize("t", [0.1, np.pi / 4, np.pi / 2, 3 * np.pi / 4])
def test_the_error_law_against_sampling(d, n, t):
    rng = np.random.default_rng([d, int(100 * t)])
    e, w = np.eye(d)[0], np.cos(t) * np.eye(d)[0] + np.sin(t) * np.eye(d)[1]
    exact = gating.population(e, w)
    square = np.array(
        [((gating.sampled(e, w, rng.normal(size=(n, d))) - exact) ** 2).sum() for _ in range(100)]
    ) / (exact @ exact)  # fmt: skip
    law = float(gating.relative_error(t, d, n)) ** 2
    # 12 comparisons at 4.5 standard errors (the seeds are fixed); it can see 7 % of the squared error
    assert abs(square.mean() - law) < 4.5 * square.std() / 10
    assert square.std() / 10 < 0.15 * law


def test_the_error_law_near_pi_by_the_median():
    # The mean is heavy-tailed where the source divides by the random |F|; over |EF| the median follows the law.
    d, n, t = 10, 20_000, 0.95 * np.pi
    rng = np.random.default_rng(8)
    e, w = np.eye(d)[0], np.cos(t) * np.eye(d)[0] + np.sin(t) * np.eye(d)[1]
    exact = gating.population(e, w)
    errors = [np.linalg.norm(gating.sampled(e, w, rng.normal(size=(n, d))) - exact) for _ in range(60)]
    law = float(gating.relative_error(t, d, n))
    assert np.median(errors) / np.linalg.norm(exact) == pytest.approx(law, rel=0.15)


def test_the_error_law_table():
    # golden: the law in an independent program; at 1e5 samples ten times smaller than at 1e3
    for t, small, wide in (
        (0.1, 0.152, 0.1015), (np.pi / 4, 0.157, 0.1049), (np.pi / 2, 0.182, 0.1212), (3 * np.pi / 4, 0.253, 0.1674),
        (0.95 * np.pi, 0.565, 0.3723),
    ):  # fmt: skip
        assert float(gating.relative_error(t, 10, 1000)) == pytest.approx(small, abs=5.1e-4)
        assert float(gating.relative_error(t, 10, 100_000)) == pytest.approx(small / 10, abs=5.1e-5)
        assert float(gating.relative_error(t, 50, 10_000)) == pytest.approx(wide, abs=5.1e-5)


def test_other_isotropic_inputs_only_change_the_factor():
    rng = np.random.default_rng(5)
    d, n = 6, 400_000
    x = rng.normal(size=(n, d))
    ball = x / np.linalg.norm(x, axis=1, keepdims=True) * 3.0 * rng.random((n, 1)) ** (1 / d)
    e, w = rng.normal(size=d), rng.normal(size=d)
    each = np.where((ball @ e > 0) & (ball @ w > 0), ball @ w, 0.0)[:, None] * ball
    exact = gating.population(e, w, second_moment=9.0 / (d + 2))
    assert (np.abs(exact - each.mean(0)) < 4.5 * each.std(0) / np.sqrt(n)).all()


@pytest.mark.parametrize(("k", "m", "d"), [(1, 1, 3), (3, 3, 5), (4, 2, 3), (2, 5, 6)])
def test_the_normal_equations_are_the_gradient(k, m, d):
    W, V = RNG.normal(size=(k, d)), RNG.normal(size=(m, d))
    gradient = teacher_student.gradient(W, V)
    assert np.abs(normal_equations.residual(W, V) - 2 * np.pi * gradient).max() < 1e-12
    # projected on the students, entry by entry as the source writes it, and its diagonal rows
    eq = normal_equations.normal_equations(W, V)
    units = W / np.linalg.norm(W, axis=1, keepdims=True)
    projected = 2 * np.pi * gradient @ units.T
    assert np.abs(eq.M @ eq.lengths - eq.M_star @ eq.lengths_star - projected).max() < 1e-12
    assert np.abs(eq.M_r @ eq.lengths - eq.M_r_star @ eq.lengths_star - np.diag(projected)).max() < 1e-12


@pytest.mark.parametrize(("k", "m", "d"), [(2, 2, 2), (3, 3, 5), (4, 2, 6)])
def test_what_is_left_when_the_lengths_are_eliminated(k, m, d):
    W, V = RNG.normal(size=(k, d)), RNG.normal(size=(m, d))
    lengths = normal_equations.critical_lengths(W, V)
    eq = normal_equations.normal_equations(W, V)
    left = eq.M @ lengths - eq.M_star @ eq.lengths_star
    L = normal_equations.separable(W, V)
    assert np.abs(left + np.einsum("l,lij->ij", eq.lengths_star, L)).max() < 1e-12 * (1 + np.abs(lengths).max())
    turned = normal_equations.separable(W * RNG.uniform(0.1, 9, (k, 1)), V * RNG.uniform(0.1, 9, (m, 1)))
    assert np.abs(turned - L).max() < 1e-12  # angles only


def test_rotations_that_keep_the_teachers_keep_critical_points():
    d, V = 6, np.zeros((3, 6))
    V[:, :3] = RNG.normal(size=(3, 3))
    turn = np.eye(d)
    turn[3:, 3:] = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    W = RNG.normal(size=(4, d))
    there = teacher_student.gradient(W @ turn.T, V)
    assert np.abs(there - teacher_student.gradient(W, V) @ turn.T).max() < 1e-14


def test_separability_is_zero_on_the_diagonal_and_for_a_teacher_on_a_student():
    W, V = random_networks()
    assert np.abs(np.diagonal(normal_equations.separable(W, V), axis1=-2, axis2=-1)).max() < 1e-12
    V[1] = 2.5 * W[2]
    assert np.abs(np.asarray(normal_equations.separable(W, V))[1]).max() < 1e-12


def test_a_bias_free_deep_nets_gradient_equals_central_differences():
    x = RNG.normal(size=(40, 4))
    student = [RNG.normal(size=(5, 4)), RNG.normal(size=(3, 5))]
    teacher = [RNG.normal(size=(5, 4)), RNG.normal(size=(3, 5))]

    def output(weights):
        h = x
        for w in weights:
            h = np.maximum(h @ w.T, 0)
        return h.sum(1)

    def loss(weights):
        return 0.5 * ((output(weights) - output(teacher)) ** 2).mean()

    own = deep_gradient.layers(x, student)
    assert len(own) == 2
    for layer in own:
        assert np.abs(layer.network_output - output(student)).max() < 1e-13
    found = deep_gradient.gradient(x, student, teacher)
    for layer, w in enumerate(student):
        for index in [(0, 0), (2, 1), (1, 3)]:
            step = 1e-6
            up, down = [m.copy() for m in student], [m.copy() for m in student]
            up[layer][index] += step
            down[layer][index] -= step
            difference = (loss(up) - loss(down)) / (2 * step)
            assert found[layer][index] == pytest.approx(difference, rel=1e-6, abs=1e-6), (layer, w.shape)


@pytest.mark.parametrize(
    ("r0", "delta", "time"), [(1.0, 1e-2, 25.328), (1.0, 1e-4, 34.526), (1.0, 1e-8, 52.946), (0.1, 1e-8, 48.341)]
)
def test_how_long_one_relu_needs_from_almost_opposite(r0, delta, time):
    assert single_relu.time_to_converge(r0, delta, 1e-3) == pytest.approx(time, abs=2e-3)
    if delta == 1e-8:
        assert single_relu.time_to_converge(r0, delta, 1e-6) == pytest.approx(
            single_relu.time_law(r0, delta, 1e-6), abs=1e-5
        )
        assert single_relu.time_law(r0, delta, 1e-3) == pytest.approx(
            2 * np.log(np.pi * r0 / (delta * 1e-3)), rel=1e-12
        )


def test_one_relu_is_the_two_layer_formulas_with_one_row():
    for d in (1, 2, 7):
        w, v = RNG.normal(size=(5, d)), RNG.normal(size=d)
        assert np.abs(single_relu.gradient(w, v) - teacher_student.gradient(w[:, None], v[None])[:, 0]).max() < 1e-15
        assert single_relu.loss(w, v) == pytest.approx(teacher_student.loss(w[:, None], v[None]), rel=1e-13)


def test_the_bilinear_form_is_the_fall_of_the_distance():
    w, v = RNG.normal(size=(200, 3)), RNG.normal(size=(200, 3))
    y = np.stack([np.linalg.norm(v, axis=1), np.linalg.norm(w, axis=1)], -1)
    form = np.einsum("ni,nij,nj->n", y, single_relu.bilinear_form(teacher_student.angle(w, v)), y) / (4 * np.pi)
    assert np.abs(form - ((w - v) * single_relu.gradient(w, v)).sum(1)).max() < 1e-13
    # positive for every two lengths and every angle but 0, though the matrix is definite only below 2.3276
    t = np.linspace(1e-3, np.pi, 400)[:, None]
    ratio = np.geomspace(1e-4, 1e4, 401)
    y = np.stack([np.ones_like(ratio), ratio], -1)
    assert np.einsum("ri,trij,rj->tr", y, np.broadcast_to(single_relu.bilinear_form(t), (400, 401, 2, 2)), y).min() > 0
    assert single_relu.definite_until() == pytest.approx(2.3276160348771775, abs=1e-14)  # golden: 30 digits, rounded


def test_the_polar_field_is_the_gradient_in_the_plane():
    for r, t in ((0.2, 0.1), (1.7, 1.2), (3.0, 3.1)):
        u, turn = np.array([np.cos(t), np.sin(t)]), np.array([-np.sin(t), np.cos(t)])
        push = -single_relu.gradient(r * u, [1.0, 0.0])
        dr, dt = single_relu.polar_field(r, t)
        assert (float(dr), float(dt)) == pytest.approx((push @ u, push @ turn / r), abs=1e-15)


def test_the_detour_past_the_origin():
    for delta in (1e-2, 1e-4, 1e-8):
        path = single_relu.flow(1.0, delta, np.linspace(0, 60, 6001))
        turn = path.times[path.r.argmin()]
        nearest = single_relu.flow(1.0, delta, np.linspace(turn - 0.01, turn + 0.01, 401)).r.min()
        # the limit delta -> 0; the turn begins at an angle of order delta^(1/3), a correction of delta^(2/3)
        assert nearest == pytest.approx(delta / np.pi, rel=4 * delta ** (2 / 3))
        assert path.distance[-1] < 1e-3
        assert (np.diff(path.distance) < 1e-12).all()
    w, v = np.array([-0.6, 0.3, 0.2]), np.array([0.5, 0.1, -0.4])
    path = single_relu.flow(*single_relu.start_of(w, v), [4.0])
    from trainability.theory import flow

    there = flow(w[None], v[None], t=4.0, rtol=1e-11, atol=1e-13).W
    assert np.linalg.norm(there - v) / np.linalg.norm(v) == pytest.approx(float(path.distance[0]), abs=1e-9)


@pytest.mark.parametrize(("d", "lr"), [(1, 0.05), (1, 0.5), (2, 0.5), (10, 0.05)])
def test_how_often_one_relu_arrives(d, lr):
    from trainability.theory import descend

    W0 = np.random.default_rng(d).normal(0, d**-0.5, (600, 1, d))
    out = descend(W0, np.eye(d)[:1], lr=lr, tol=0.0, max_steps=int(400 / lr))
    arrived = out.loss < 1e-6
    assert (arrived == single_relu.converges(W0[:, 0], np.eye(d)[0])).all()
    assert abs(arrived.mean() - single_relu.success_probability(d)) < 4.5 * 0.5 / np.sqrt(600) * (d == 1) + 1e-15


def test_one_relu_converges_from_everywhere_but_the_opposite_ray():
    assert single_relu.success_probability(1) == 0.5
    assert single_relu.success_probability(2) == single_relu.success_probability(100) == 1.0
    v = np.array([1.0, 0.0])
    assert single_relu.converges([[-1.0, 1e-9], [-1.0, 0.0], [2.0, 0.0]], v).tolist() == [True, False, True]
    t = single_relu.definite_until()
    assert (
        np.linalg.eigvalsh(single_relu.bilinear_form(t - 1e-3)).min()
        > 0
        > np.linalg.eigvalsh(single_relu.bilinear_form(t + 1e-3)).min()
    )


@pytest.mark.parametrize("d", [2, 10])
def test_theorem_6_exactly(d):
    table = {
        2: {0.01: 0.49846, 0.1: 0.48464, 0.3: 0.45371, 0.5: 0.42217, 0.9: 0.35493},
        10: {0.01: 0.49600, 0.1: 0.46007, 0.3: 0.38154, 0.5: 0.30693, 0.9: 0.17820},
    }
    for epsilon, exact in table[d].items():
        r = ball_probability.radius(d, epsilon)
        assert r == pytest.approx(epsilon * np.sqrt(2 * np.pi / (d + 1)), rel=1e-12)
        assert ball_probability.probability(d, r) == pytest.approx(exact, abs=5.1e-6)
        assert ball_probability.probability(d, r) >= ball_probability.slab_bound(d, r)
        assert ball_probability.slab_bound(d, r) >= ball_probability.promised(epsilon) - 1e-15
        assert ball_probability.promised(epsilon) == pytest.approx((1 - epsilon) / 2)


@pytest.mark.parametrize(("d", "r", "exact"), [(2, 1.5, 0.3296), (10, 1.5, 0.01299), (20, 2.0, 9.537e-7)])
def test_large_balls(d, r, exact):
    assert ball_probability.probability(d, r) == pytest.approx(exact, rel=5e-4)
    for far in (2.0, 2.5, 7.0):
        assert ball_probability.probability(d, far) == pytest.approx(far**-d, rel=1e-14)


@pytest.mark.parametrize("d", [1, 2, 3, 10, 60])
def test_the_probability_is_the_integral_over_shells(d):
    # of radius u r: the share of the sphere with w.v > |w|^2/2, a cap
    for r in (1e-3, 0.2, 0.9, 1.3, 1.9, 2.4):

        def cap(u, r=r):
            c = min(1.0, u * r / 2)
            return d * u ** (d - 1) * (betainc((d - 1) / 2, 0.5, 1 - c * c) / 2 if d > 1 else 0.5 * (c < 1))

        exact = quad(cap, 0, min(1.0, 2 / r), epsabs=0, epsrel=1e-12, limit=200)[0]
        assert ball_probability.probability(d, r) == pytest.approx(exact, rel=1e-10)


def test_starts_with_normal_entries_in_the_ball():
    rng = np.random.default_rng(3)
    for d in (2, 10):
        w = rng.normal(0, d**-0.5, (400_000, d))
        w[:, 0] -= 1
        share = ((w**2).sum(1) < 1).mean()
        exact = ball_probability.normal_probability(d, d**-0.5)
        assert abs(share - exact) < 4.5 * np.sqrt(exact * (1 - exact) / 400_000)  # 7e-6 per comparison
    w = rng.normal(size=(200_000, 7))
    w *= (2.5 * rng.random(200_000) ** (1 / 7) / np.linalg.norm(w, axis=1))[:, None]
    assert w.std() == pytest.approx(ball_probability.entry_std(7, 2.5), rel=0.01)


@pytest.mark.parametrize(
    ("K", "where", "loss"),
    [
        (2, 0.5341549431, 0.0885119366),
        (3, 0.3820238114, 0.2423550302),
        (5, 0.2568406780, 0.7800764973),
        (10, 0.1557346041, 3.5986557114),
    ],
)
def test_the_saddle_of_theorem_7(K, where, loss):
    x, y = symmetric_dynamics.saddle(K)
    assert (x, y) == pytest.approx((where, where), abs=1e-10)
    W = symmetric_dynamics.weights(x, y, K)
    assert np.abs(teacher_student.gradient(W, np.eye(K))).max() < 1e-14
    assert float(teacher_student.loss(W, np.eye(K))) == pytest.approx(loss, abs=1e-9)
    assert float(symmetric_dynamics.loss(x, y, K)) == pytest.approx(loss, abs=1e-9)
    seen = np.linalg.eigvalsh(teacher_student.hessian(W, np.eye(K)))
    told = np.sort(np.repeat(*zip(*symmetric_dynamics.saddle_spectrum(K), strict=True)))
    assert np.abs(seen - told).max() < 1e-10


def test_the_plane_is_invariant_and_its_field_the_gradient():
    for K in (2, 4, 7):
        x, y = 0.3, -0.2
        gradient = teacher_student.gradient(symmetric_dynamics.weights(x, y, K), np.eye(K))
        field = symmetric_dynamics.field(x, y, K)
        assert -gradient[0, 0] == pytest.approx(float(field[0]), abs=1e-13)
        assert -gradient[0, 1] == pytest.approx(float(field[1]), abs=1e-13)


@pytest.mark.parametrize(
    ("K", "x", "y"), [(3, -0.31818007, 0.65945309), (5, -0.59407579, 0.39672856), (6, -0.66339737, 0.33070978)]
)
def test_what_lies_on_the_other_side_of_the_diagonal(K, x, y):
    found = [(p.x, p.y) for p in symmetric_dynamics.critical_points(K)]
    assert min(np.hypot(px - x, py - y) for px, py in found) < 1e-7


@pytest.mark.parametrize(("T", "phi", "value"), [(3 * np.pi / 8, 0.5171, 0.384755), (7 * np.pi / 8, 1.0868, 0.680471)])
def test_the_critical_region_of_two(T, phi, value):
    assert float(critical_region.separable_12(phi, T)) == pytest.approx(value, abs=1e-6)
    grid = np.linspace(0, 2 * np.pi, 4001)
    assert critical_region.separable_12(grid, T).max() == pytest.approx(value, abs=1e-6)


def test_the_conjecture_holds_on_a_grid_and_in_fifty_digits_near_its_singular_end():
    T, phi = 0.3 + 2.5 * RNG.random(2000), 2 * np.pi * RNG.random(2000)
    inside = critical_region.in_cone(phi, T)
    assert ((critical_region.separable_12(phi, T) > 0) == inside).all()
    assert ((critical_region.separable_21(phi, T) > 0) == inside).all()
    one, two = critical_region.precise(5e-4, 1e-3)
    assert one > 0
    assert two > 0


def test_the_collinear_point_of_unequal_teachers_is_not_on_the_bisector():
    V = np.array([[1.0, 0.0], [0.0, 2.0]])
    bisector = critical_region.bisector_point(V)
    assert np.abs(teacher_student.gradient(bisector, V)).max() == pytest.approx(0.1875, abs=2e-4)
    equal = critical_region.bisector_point(np.eye(2))
    assert np.abs(teacher_student.gradient(equal, np.eye(2))).max() < 1e-14
    angles = [np.arctan2(p.direction[1], p.direction[0]) for p in critical_region.collinear_points(V)]
    assert min(abs(a - 1.24629) for a in angles) < 1e-4
