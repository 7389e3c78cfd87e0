"""The torch path takes the same steps as the numba one."""

import numpy as np
import pytest
import torch

from trainability.lab.population import descend_torch, loss_and_gradient
from trainability.theory.descent import descend
from trainability.theory.teacher_student import gradient, loss


def starts(runs, k, d, seed=0):
    return np.random.default_rng(seed).normal(0.0, d**-0.5, (runs, k, d))


def test_it_equals_the_numba_path_over_many_steps():
    # 400 steps from 20 starts; runs near a saddle amplify rounding, hence a fixed seed and 1e-12 rather than 1e-15
    W0, V = starts(20, 4, 5), starts(1, 3, 5, seed=1)[0]
    a, b = np.array([1.0, 0.5, -1.0, 2.0]), np.array([1.0, -0.5, 1.5])
    mine = descend_torch(torch.tensor(W0), torch.tensor(V), 0.05, 0.0, 400, torch.tensor(a), torch.tensor(b))
    theirs = descend(W0, V, lr=0.05, tol=0.0, max_steps=400, a=a, b=b)
    assert np.abs(mine.W.numpy() - theirs.W).max() < 1e-12
    assert np.abs(mine.loss.numpy() - theirs.loss).max() < 1e-12
    assert not mine.converged.any()


@pytest.mark.parametrize("slope", [0.3, -0.5])
def test_leaky_slopes(slope):
    W0, V = starts(6, 4, 3, seed=6), starts(1, 2, 3, seed=7)[0]
    a, b = np.array([1.0, 0.5, -1.0, 2.0]), np.array([1.0, -0.5])
    at, bt = torch.tensor(a), torch.tensor(b)
    mine = descend_torch(torch.tensor(W0), torch.tensor(V), 0.05, 0.0, 200, at, bt, slope=slope)
    theirs = descend(W0, V, lr=0.05, tol=0.0, max_steps=200, a=a, b=b, slope=slope)
    assert np.abs(mine.W.numpy() - theirs.W).max() < 1e-12
    assert np.abs(mine.loss.numpy() - theirs.loss).max() < 1e-12
    assert np.abs(mine.gradient_norm.numpy() - theirs.gradient_norm).max() < 1e-12


@pytest.mark.parametrize("check_every", [1, 5])
def test_every_outcome_at_the_step_of_the_numba_path(check_every):
    V = np.array([[1.0, 0.0]])
    for start, lr in ((0.9, 1.0), (0.9, 50.0), (-0.5, 2.0), (0.9, 1e-3), (1.0, 0.1)):
        W0 = np.array([[[start, 0.0]], [[start, 0.1]]])
        mine = descend_torch(torch.tensor(W0), torch.tensor(V), lr, 1e-8, 60, check_every=check_every)
        theirs = descend(W0, V, lr=lr, tol=1e-8, max_steps=60)
        assert mine.outcome.tolist() == theirs.outcome.tolist(), start
        assert mine.steps.tolist() == theirs.steps.tolist(), start


@pytest.mark.parametrize("check_every", [1, 7, 64])
def test_each_run_stops_at_its_own_step(check_every):
    W0 = starts(12, 3, 3, seed=2)
    mine = descend_torch(torch.tensor(W0), torch.eye(3), 0.2, 1e-6, 5000, check_every=check_every)
    theirs = descend(W0, np.eye(3), lr=0.2, tol=1e-6, max_steps=5000)
    assert mine.steps.tolist() == theirs.steps.tolist()
    assert mine.converged.tolist() == (theirs.outcome == 0).tolist()
    assert np.abs(mine.W.numpy() - theirs.W).max() < 1e-10


def test_loss_and_gradient_equal_the_closed_form_at_singular_angles():
    V = starts(1, 4, 4, seed=3)[0]
    W = np.stack([2 * V, -V, V * (1 + 1e-9), np.roll(V, 1, axis=0)])
    W[1, 0] += 1e-9
    value, slope = loss_and_gradient(torch.tensor(W), torch.tensor(V))
    assert np.abs(value.numpy() - loss(W, V)).max() < 1e-13
    assert np.abs(slope.numpy() - gradient(W, V)).max() < 1e-13


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="need"):
        loss_and_gradient(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(ValueError, match="lr=0"):
        descend_torch(torch.ones(1, 2, 3), torch.ones(2, 3), lr=0.0)
