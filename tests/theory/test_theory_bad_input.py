"""What the exact theory says to bad input: what was given, what was needed, what to do; and what it takes without a word."""

import numpy as np
import pytest
import torch

from trainability import theory
from trainability.lab.population import descend_torch, loss_and_gradient
from trainability.theory import (
    ball_probability,
    critical_points,
    deep_gradient,
    families,
    gating,
    normal_equations,
    online,
    single_relu,
    teacher_student,
)

ts, cp, ball = teacher_student, critical_points, ball_probability
W, V, NONE = np.array([[1.0, 0.2], [0.3, -1.0]]), np.eye(2), np.zeros(2)
NAN = np.nan

# Takes (W, V) of two networks.
NETWORKS = {
    "loss": ts.loss,
    "gradient": ts.gradient,
    "hessian": ts.hessian,
    "gradient_output": ts.gradient_output,
    "loss_with_bias": lambda W, V, **o: ts.loss_with_bias(W, np.zeros(np.shape(W)[-2:-1]), V, np.zeros(len(V)), **o),
    "gradient_with_bias": lambda W, V, **o: ts.gradient_with_bias(
        W, np.zeros(np.shape(W)[-2:-1]), V, np.zeros(len(V)), **o
    ),
    "descend": theory.descend,
    "flow": theory.flow,
    "newton": cp.newton,
    "classify": cp.classify,
    "recognise": cp.recognise,
    "normal_equations": normal_equations.normal_equations,
    "residual": normal_equations.residual,
    "separable": normal_equations.separable,
    "critical_lengths": normal_equations.critical_lengths,
    "cannot_be_critical": normal_equations.cannot_be_critical,
    "descend_torch": lambda W, V, **o: descend_torch(*(torch.as_tensor(x, dtype=torch.float64) for x in (W, V)), **o),
    "loss_and_gradient": lambda W, V: loss_and_gradient(*(torch.as_tensor(x, dtype=torch.float64) for x in (W, V))),
}
# Takes two vectors.
VECTORS = {
    "angle": ts.angle,
    "kernel": ts.kernel,
    "gate_kernel": ts.gate_kernel,
    "kernel_with_bias": lambda w, v: ts.kernel_with_bias(w, 0.0, v, 0.0),
    "mass": gating.mass,
    "asymmetric": gating.asymmetric,
    "population": gating.population,
    "with_profiles": lambda w, v: gating.with_profiles(w, v, np.sin, np.sin),
    "sampled": lambda w, v: gating.sampled(w, v, np.ones((3, 2))),
    "one ReLU's loss": single_relu.loss,
    "one ReLU's gradient": single_relu.gradient,
    "converges": single_relu.converges,
    "start_of": single_relu.start_of,
}


def refuses(f, *arguments, says="need", **options):
    """A ValueError with at least the two halves 'Got ...; need ...' and one thing to do."""
    with pytest.raises(ValueError, match=says) as error:
        f(*arguments, **options)
    text = str(error.value)
    assert text.startswith("Got "), text
    assert "; need" in text, text
    return text


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    f = NETWORKS[name]
    for student, teacher in (
        (np.ones((2, 3)), V), (W, np.ones(2)), (W, np.ones((1, 2, 2))), (np.ones((0, 2)), V), (np.ones((2, 0)), V),
        (W, np.ones((0, 2))), (W * NAN, V), (W, V + np.inf), (np.ones(2), V),
    ):  # fmt: skip
        refuses(f, student, teacher)
    if name not in ("loss", "gradient_output"):
        assert "direction of approach" in refuses(f, np.array([[1.0, 0.0], [0.0, 0.0]]), V)
    refuses(f, W, np.zeros((1, 2)), says="equal to 0")


@pytest.mark.parametrize(
    "name", ["loss", "gradient", "hessian", "gradient_output", "descend", "flow", "newton", "classify"]
)
def test_weights_and_slope(name):
    f = NETWORKS[name]
    for wrong in (
        {"a": [1.0]},
        {"b": [1.0, 2.0, 3.0]},
        {"a": [1.0, NAN]},
        {"b": "one"},
        {"slope": NAN},
        {"slope": [0, 1]},
    ):
        refuses(f, W, V, **wrong)


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name):
    f = VECTORS[name]
    assert "direction of approach" in refuses(f, NONE, V[0])
    for w, v in ((V[0], NONE), ([1.0, NAN], V[0]), (V[0], [1.0, 0.0, 0.0]), ([], []), (V[0], [[1.0], [1.0, 2.0]])):
        refuses(f, w, v)
    if name not in ("sampled", "start_of"):
        refuses(f, np.ones((2, 2)), np.ones((3, 2)), says="broadcast")
        assert len(f(np.ones((0, 2)), V[0])) == 0
        f([1, 0], torch.tensor([0.5, 1.0]))


@pytest.mark.parametrize(
    "wrong",
    [{"lr": 0}, {"lr": -0.1}, {"lr": NAN}, {"lr": np.inf}, {"lr": "fast"}, {"lr": [0.1, 0.1]}, {"tol": -1e-9}, {"tol": NAN},
     {"tol": "small"}, {"max_steps": -1}, {"max_steps": 1.5}, {"max_steps": None}, {"max_steps": np.inf}, {"record": 0},
     {"record": 1.5}, {"floor": NAN}, {"a": np.ones((3, 2))}],
    ids=str,
)  # fmt: skip
def test_descend(wrong):
    refuses(theory.descend, np.stack([W] * 3), V, **wrong)
    if next(iter(wrong)) in ("tol", "max_steps") or wrong in ({"lr": 0}, {"lr": -0.1}, {"lr": NAN}, {"lr": np.inf}):
        refuses(descend_torch, torch.tensor(W), torch.tensor(V), **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"t": -1.0}, {"t": [2.0, 1.0]}, {"t": [1.0, NAN]}, {"t": []}, {"t": [[1.0]]}, {"rtol": 0}, {"rtol": NAN}, {"atol": -1},
     {"max_steps": 0}, {"max_steps": 2.5}],
    ids=str,
)  # fmt: skip
def test_flow(wrong):
    refuses(theory.flow, W, V, **wrong)


def test_critical_points_and_families():
    for wrong in (
        {"k": 0},
        {"k": 1.5},
        {"k": NAN},
        {"starts": 0},
        {"tol": 0.0},
        {"scale": -1.0},
        {"seed": -1},
        {"a": [1, 2, 3]},
    ):
        refuses(cp.find, V, **{"k": 2, **wrong})
    for bad in (np.ones(2), np.ones((0, 2)), np.ones((2, 0)), V * NAN, 1.0):
        refuses(cp.find, bad, 2)
    for wrong in ({"tol": -1.0}, {"max_steps": 0.5}, {"radius": 0.0}, {"a": np.ones((1, 2))}):
        refuses(cp.newton, W[None], V, **wrong)
    refuses(cp.classify, W, V, zero=-1.0)
    refuses(cp.recognise, W, V, tol=NAN)
    for k, j in ((2, 1), (5, 6), (5, 0), (10.5, 1), (NAN, 1), (10, 1.5), ("six", 1)):
        refuses(families.flipped, k, j)
    refuses(families.follow, 10)
    for k in (0, 2.5, NAN, "3", None):
        for f in (ts.minimum_levels, ts.minimum_spectrum, ts.minimum_stable_lr):
            refuses(f, k)


def test_tian():
    parallel = np.array([[1.0, 1.0], [2.0, 2.0]])
    refuses(normal_equations.separable, parallel, V, says="parallel")
    refuses(normal_equations.cannot_be_critical, W, V, margin=-1.0)
    for d in (0, 1.5, NAN, "two"):
        refuses(ball.probability, d, 1.0)
        refuses(ball.radius, d, 0.1)
        refuses(single_relu.success_probability, d)
        refuses(gating.relative_error, 1.0, d, 10)
    for length in (0.0, -1.0, NAN, np.inf):
        for f in (ball.probability, ball.slab_bound, ball.normal_probability, ball.entry_std):
            refuses(f, 3, length)
        refuses(gating.population, V[0], V[1], second_moment=length)
        refuses(single_relu.time_to_converge, 1.0, 0.1, length)
        refuses(single_relu.time_law, length, 0.1)
        refuses(single_relu.flow, length, 0.1, [1.0])
    for epsilon in (0.0, 1.1, NAN):
        refuses(ball.radius, 3, epsilon)
        refuses(ball.promised, epsilon)
    refuses(ball.radius_for, 3, 0.5)
    assert "direction of approach" in refuses(single_relu.polar_field, 0.0, 1.0)
    for t in (-0.1, 3.2, NAN):
        for f in (single_relu.bilinear_form, ts.normalised_kernel):
            refuses(f, t)
        refuses(single_relu.polar_field, 1.0, t)
        refuses(ts.bivariate_cdf, 0.0, 0.0, t)
        refuses(gating.relative_error, t, 3, 10)
    for times in ([2.0, 1.0], [-1.0], [], [NAN]):
        refuses(single_relu.flow, 1.0, 1.0, times)
    refuses(gating.sampled, V[0], V[1], np.ones((0, 2)))
    refuses(ts.bivariate_cdf, [1.0, 2.0], [1.0, 2.0, 3.0], 0.5)
    x = np.ones((3, 2))
    for weights in ([], [np.ones((1, 3))], [np.ones((2, 2)), np.ones((1, 3))], [x * NAN], np.ones((1, 2))):
        refuses(deep_gradient.layers, x, weights)
    refuses(deep_gradient.layers, x, [np.ones((1, 2))], top=[1.0, 2.0])
    refuses(deep_gradient.gradient, x, [np.ones((1, 2))], [np.ones((1, 3))])


def test_online():
    for f in (online.rates, online.integrate):
        last = (1.0,) if f is online.rates else (1.0, [1.0])
        for q, r, t in (
            (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (1.0, 2.0, 1.0), (np.eye(2), np.ones(3), 1.0), (NAN, 0.0, 1.0),
            (np.array([[1.0, 0.5], [0.0, 1.0]]), np.zeros((2, 1)), 1.0), ([[1.0], [1.0, 2.0]], 0.0, 1.0),
        ):  # fmt: skip
            refuses(f, q, r, t, *last)
        refuses(f, 1.0, 0.0, 1.0, *last, a=[1.0, 1.0])
        refuses(f, 1.0, 0.0, 1.0, *last, noise=-1.0)
    assert "direction of approach" in refuses(online.rates, 0.0, 0.0, 1.0, 1.0)
    for eta in (-1.0, NAN, "fast", [1.0, 2.0]):
        refuses(online.rates, 1.0, 0.0, 1.0, eta)
        refuses(online.spectrum, 1.0, eta)
    for alpha in ([], -1.0, [2.0, 1.0], NAN, [[1.0]]):
        refuses(online.integrate, 1.0, 0.0, 1.0, 1.0, alpha)
    for wrong in ({"rtol": 0.0}, {"atol": -1.0}, {"rtol": NAN}):
        refuses(online.integrate, 1.0, 0.0, 1.0, 1.0, 1.0, **wrong)
        refuses(online.flow, 1.0, 0.0, 1.0, 1.0, **wrong)
    for N, seeds in ((1, [0]), (10.5, [0]), (10, []), (10, 3), (10, [0.5]), (10, [-1]), (10, [2**32])):
        for f in (online.simulate, online.simulate_overlaps):
            refuses(f, N, 1.0, 0.0, 1.0, 1.0, [1.0], seeds=seeds)
    for f, size in (
        (online.orthants.p2, 2),
        (online.orthants.p4, 4),
        (online.integrals.i3, 3),
        (online.integrals.i4, 4),
    ):
        for c in (np.eye(size + 1), np.zeros((size, size)), np.eye(size) * NAN, 1 - 3 * np.eye(size)):
            refuses(f, c)
        assert f(np.ones((0, size, size))).shape == (0,)
    refuses(online.largest_eta, np.ones((2, 2)))


def test_tensors_of_torch():
    assert float(ts.loss(torch.tensor(W), torch.eye(2))) == float(ts.loss(W, V))
    run = theory.descend(torch.tensor(W), torch.eye(2), lr=torch.tensor(0.1), max_steps=20)
    assert (run.W == theory.descend(W, V, lr=float(torch.tensor(0.1)), max_steps=20).W).all()
    assert "detach" in refuses(ts.loss, torch.tensor(W, requires_grad=True), V)
    assert "double()" in refuses(ts.loss, torch.tensor(W, dtype=torch.bfloat16), V)
    refuses(ts.loss, W * 1j, V)
    refuses(descend_torch, torch.ones(1, 2, dtype=torch.int64), torch.eye(2))
    refuses(descend_torch, W, torch.eye(2), says="as_tensor")
    assert descend_torch(torch.tensor(W, requires_grad=True), torch.eye(2), max_steps=3).W.shape == (2, 2)


@pytest.mark.parametrize("kind", [list, np.float32, np.int64])
def test_lists_integers_and_single_precision_are_numbers(kind):
    student, teacher = np.array([[1, 2], [-1, 3]]), np.array([[2, 0], [1, 1], [0, -1]])
    given = [x.tolist() if kind is list else x.astype(kind) for x in (student, teacher)]
    for f in (ts.loss, ts.gradient, ts.hessian, normal_equations.residual):
        assert (f(*given) == f(student.astype(float), teacher.astype(float))).all()
    a, b = theory.descend(*given, max_steps=9), theory.descend(student * 1.0, teacher * 1.0, max_steps=9)
    assert (a.W == b.W).all()
    assert (theory.flow(*given, t=1).W == theory.flow(student * 1.0, teacher * 1.0, t=1.0).W).all()
    assert theory.descend(*given, max_steps=9.0).steps == 9


def test_no_runs_are_no_runs():
    none = np.empty((0, 3, 2, 2))
    assert ts.loss(none, V).shape == (0, 3)
    assert ts.gradient(none, V).shape == none.shape
    assert ts.hessian(none, V).shape == (0, 3, 4, 4)
    assert ts.loss_with_bias(none, np.empty((0, 3, 2)), V, NONE).shape == (0, 3)
    assert [x.shape for x in ts.gradient_with_bias(none, NONE, V, NONE)] == [none.shape, (0, 3, 2), (0, 3, 2)]
    run = theory.descend(none, V, polish=True, record=2, max_steps=4)
    assert (run.W.shape, run.path.shape, run.outcome.shape) == (none.shape, (0, 3, 3, 2, 2), (0, 3))
    assert theory.flow(none, V, t=[1.0, 2.0]).W.shape == (0, 3, 2, 2, 2)
    assert [x.shape for x in cp.newton(none, V)] == [none.shape, (0, 3)]
    assert descend_torch(torch.tensor(none), torch.eye(2)).loss.shape == (0, 3)
