from math import isnan

import pytest
import torch

from trainability.measures.lanczos import largest_eigenvalue


def orthogonal(n, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(n, n, generator=g, dtype=torch.float64)).Q


def with_spectrum(eigenvalues, seed=0):
    q = orthogonal(len(eigenvalues), seed)
    a = q @ torch.diag(torch.as_tensor(eigenvalues, dtype=torch.float64)) @ q.T
    return (a + a.T) / 2


def top(a, **options):
    return largest_eigenvalue(lambda v: a @ v, len(a), **options)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("seed", range(5))
def test_small_matrices_to_rounding(n, seed):
    g = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=g, dtype=torch.float64)
    a = a + a.T
    found = top(a, tol=1e-12)
    assert found.value == pytest.approx(torch.linalg.eigvalsh(a)[-1].item(), abs=1e-9)
    assert found.converged
    assert (a @ found.vector - found.value * found.vector).norm() < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_a_spectrum_nearly_symmetric_in_sign_where_power_iteration_fails(seed):
    bulk = torch.linspace(-1, 1, 300, dtype=torch.float64)
    a = with_spectrum(torch.cat([bulk, torch.tensor([-10.2, -10.1, 10.0], dtype=torch.float64)]), seed)
    found = top(a, tol=1e-3)
    assert found.converged
    assert found.value == pytest.approx(10.0, rel=1e-5)

    v = torch.randn(303, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for _ in range(40):
        v = a @ v / (a @ v).norm()
    assert v @ a @ v < 9


def test_the_residual_is_true_also_when_it_did_not_converge():
    a = with_spectrum(torch.linspace(-1, 1, 400))
    found = top(a, max_steps=10, tol=1e-6)
    assert not found.converged
    assert found.steps == 10
    true = (a @ found.vector - found.value * found.vector).norm().item()
    assert found.residual == pytest.approx(true, rel=1e-6)
    assert found.value <= 1 + 1e-12


def test_an_outlier_over_a_bulk_of_equal_eigenvalues_is_not_missed():
    n = 20_000
    u = torch.zeros(n, dtype=torch.float64)
    u[7] = 1.0
    found = largest_eigenvalue(lambda v: v + u * (u @ v), n, tol=1e-2)
    assert found.value == pytest.approx(2.0, rel=1e-9)


def test_rank_one_zero_and_one_by_one():
    u = torch.ones(50, dtype=torch.float64)
    found = largest_eigenvalue(lambda v: u * (u @ v), 50)
    assert (found.value, found.converged) == (pytest.approx(50.0), True)
    assert found.steps <= 3
    negative = largest_eigenvalue(lambda v: -u * (u @ v), 50)
    assert negative.value == pytest.approx(0.0, abs=1e-12)
    assert negative.converged
    zero = top(torch.zeros(5, 5, dtype=torch.float64))
    assert (zero.value, zero.residual, zero.steps, zero.converged) == (0.0, 0.0, 1, True)
    one = top(torch.tensor([[-3.0]], dtype=torch.float64))
    assert (one.value, one.steps, one.converged) == (-3.0, 1, True)


def test_a_float32_map_is_served():
    a = with_spectrum(torch.cat([torch.linspace(-1, 1, 200), torch.tensor([5.0])]))
    found = largest_eigenvalue(lambda v: a.float() @ v.float(), 201)
    assert found.value == pytest.approx(5.0, rel=1e-5)
    assert found.converged


def test_a_product_that_is_not_finite():
    found = largest_eigenvalue(lambda v: v / 0, 4)
    assert isnan(found.value)
    assert not found.converged


def test_repeatable_and_no_trace_in_the_global_random_state():
    a = with_spectrum(torch.linspace(-1, 1, 100))
    before = torch.random.get_rng_state()
    assert top(a, max_steps=5).value == top(a, max_steps=5).value
    assert torch.equal(before, torch.random.get_rng_state())
    other = top(a, max_steps=5, generator=torch.Generator().manual_seed(1))
    assert other.value != top(a, max_steps=5).value


@pytest.mark.parametrize(("n", "max_steps"), [(0, 5), (5, 0)])
def test_bad_sizes_are_refused(n, max_steps):
    with pytest.raises(ValueError, match="need both"):
        largest_eigenvalue(lambda v: v, n, max_steps=max_steps)
