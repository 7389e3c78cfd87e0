"""Tian 2017 (arXiv 1703.00560): its equations as identities, its theorems as numbers.

Golden numbers were worked out in float64 by an independent program, except where an identity or a Monte Carlo is the oracle.
"""

import numpy as np
import pytest

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


def test_the_normal_equations_are_the_gradient():
    W, V = random_networks()
    gradient = teacher_student.gradient(W, V)
    assert np.abs(normal_equations.residual(W, V) - 2 * np.pi * gradient).max() < 1e-12


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
        assert single_relu.time_law(r0, delta, 1e-3) == pytest.approx(
            2 * np.log(np.pi * r0 / (delta * 1e-3)), rel=1e-12
        )


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


@pytest.mark.parametrize(
    ("d", "epsilon", "exact"),
    [
        (2, 0.01, 0.49846),
        (2, 0.3, 0.45371),
        (2, 0.9, 0.35493),
        (10, 0.1, 0.46007),
        (10, 0.5, 0.30693),
        (10, 0.9, 0.17820),
    ],
)
def test_theorem_6_exactly(d, epsilon, exact):
    r = ball_probability.radius(d, epsilon)
    assert r == pytest.approx(epsilon * np.sqrt(2 * np.pi / (d + 1)), rel=1e-12)
    assert ball_probability.probability(d, r) == pytest.approx(exact, abs=6e-6)
    assert ball_probability.probability(d, r) >= ball_probability.promised(epsilon) == pytest.approx((1 - epsilon) / 2)


@pytest.mark.parametrize(("d", "r", "exact"), [(2, 1.5, 0.3296), (10, 1.5, 0.01299), (20, 2.0, 2.0**-20)])
def test_large_balls(d, r, exact):
    assert ball_probability.probability(d, r) == pytest.approx(exact, rel=5e-4)


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
