"""Both ends, density and trace against dense spectra."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability.measures.density import SpectralDensity, spectral_density
from trainability.measures.hessian import Products, of_loss, of_members
from trainability.measures.spectrum import extremes
from trainability.measures.trace import Trace, trace


def products_of(a):
    """Of a dense matrix (n, n), or of several (E, n, n)."""
    members = None if a.ndim == 2 else len(a)
    shape = a.shape[:-1]
    zero = torch.zeros(shape, dtype=torch.float64)
    return Products(
        lambda v: (a @ v[..., None])[..., 0], a.shape[-1], members, torch.device("cpu"), zero.sum(-1), zero, False
    )


def with_spectrum(eigenvalues, seed=0):
    n = len(eigenvalues)
    g = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=torch.float64)).Q
    return q @ torch.diag(torch.as_tensor(eigenvalues, dtype=torch.float64)) @ q.T


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4)).double()
        x, y = torch.randn(30, 6, dtype=torch.float64), torch.randint(0, 4, (30,))
    parameters = list(model.parameters())
    products = of_loss(lambda: F.cross_entropy(model(x), y), parameters)
    dense = torch.stack([products.matvec(e) for e in torch.eye(products.n, dtype=torch.float64)])
    return products, (dense + dense.T) / 2


@pytest.mark.parametrize("seed", range(3))
def test_both_ends_of_a_networks_spectrum(seed):
    products, dense = network(seed)
    expected, vectors = torch.linalg.eigh(dense)
    found = extremes(products, largest=5, smallest=4, tol=1e-9)
    assert found.converged
    assert torch.allclose(found.largest, expected.flip(0)[:5], rtol=1e-7)
    assert torch.allclose(found.smallest, expected[:4], rtol=1e-6, atol=1e-9)
    assert torch.allclose((found.largest_vectors @ vectors.flip(1)[:, :5]).abs().diagonal(), torch.ones(5).double())
    true = (found.largest_vectors @ dense - found.largest[:, None] * found.largest_vectors).norm(dim=1)
    assert (true <= found.largest_residuals + 1e-8).all()


def test_repeated_eigenvalues_are_counted():
    spectrum = [5.0] * 4 + [3.0] * 2 + [0.5] * 60 + [-2.0] * 3
    found = extremes(products_of(with_spectrum(spectrum)), largest=6, smallest=4, tol=1e-8)
    assert found.converged
    assert torch.allclose(found.largest, torch.tensor([5.0, 5, 5, 5, 3, 3]).double(), atol=1e-7)
    assert torch.allclose(found.smallest, torch.tensor([-2.0, -2, -2, 0.5]).double(), atol=1e-7)


def test_a_linear_layer_under_a_squared_loss_repeats_every_eigenvalue_per_output():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=g, dtype=torch.float64)
    w = torch.randn(3, 5, generator=g, dtype=torch.float64, requires_grad=True)
    found = extremes(of_loss(lambda: (x @ w.T).square().sum(1).mean() / 2, [w]), largest=6, smallest=3, tol=1e-9)
    expected = torch.linalg.eigvalsh(x.T @ x / 40).flip(0)
    assert torch.allclose(found.largest, expected[:2].repeat_interleave(3), rtol=1e-8)
    assert torch.allclose(found.smallest, expected[-1:].repeat(3), rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_whole_spectrum_can_be_asked_for(n):
    a = with_spectrum(torch.linspace(-2, 3, n))
    found = extremes(products_of(a), largest=n, smallest=n, tol=1e-10)
    assert found.converged
    assert torch.allclose(found.largest, torch.linalg.eigvalsh(a).flip(0), atol=1e-9)
    assert torch.allclose(found.smallest, torch.linalg.eigvalsh(a), atol=1e-9)


def test_a_flat_loss_has_zeros_and_a_lost_one_nan():
    zero = extremes(products_of(torch.zeros(6, 6).double()), largest=2, smallest=1)
    assert (zero.largest.tolist(), zero.smallest.tolist(), bool(zero.converged)) == ([0.0, 0.0], [0.0], True)
    lost = extremes(products_of(torch.full((4, 4), torch.nan).double()))
    assert lost.largest.isnan().all()
    assert not lost.converged


def test_too_few_steps_say_so():
    found = extremes(products_of(with_spectrum(torch.linspace(-1, 1, 200))), max_steps=9, tol=1e-8)
    assert not found.converged


def test_ends_of_an_ensemble_are_those_of_its_members():
    spectra = [[4.0, 4.0, 1.0, 0.0, -1.0], [2.0, 1.0, 0.5, 0.2, 0.1], [-1.0, -2.0, -3.0, -4.0, -9.0]]
    a = torch.stack([with_spectrum(s, i) for i, s in enumerate(spectra)])
    found = extremes(products_of(a), largest=2, smallest=2, tol=1e-9)
    assert torch.allclose(found.largest, torch.tensor([s[:2] for s in spectra]).double(), atol=1e-8)
    assert torch.allclose(found.smallest, torch.tensor([s[:-3:-1] for s in spectra]).double(), atol=1e-8)
    assert found.converged.all()
    a[1, 0, 0] = torch.nan
    spoilt = extremes(products_of(a), largest=2, smallest=2, tol=1e-9)
    assert spoilt.largest[1].isnan().all()
    assert torch.allclose(spoilt.largest[[0, 2]], found.largest[[0, 2]], atol=1e-9)


@pytest.mark.parametrize(("largest", "smallest", "steps"), [(0, 0, 5), (-1, 1, 5), (5, 1, 5), (1, 1, 0)])
def test_bad_numbers_of_eigenvalues_are_refused(largest, smallest, steps):
    with pytest.raises(ValueError, match="need 0 to 4"):
        extremes(products_of(torch.eye(4).double()), largest=largest, smallest=smallest, max_steps=steps)


def test_density_integrates_to_one_and_its_moments_are_those_of_the_dense_spectrum():
    # Six moments at 5 standard errors of 40 probes (Student t, 39 degrees): a false alarm in 1 of 1e4.
    products, dense = network()
    expected = torch.linalg.eigvalsh(dense)
    found = spectral_density(products, probes=40, steps=20)
    assert found.integral.item() == pytest.approx(1.0, abs=1e-12)
    for order in range(1, 7):
        value, error = found.moment(order)
        assert abs(value - (expected**order).mean()) < 5 * error + 1e-14
        assert error < 0.3 * (expected.abs() ** order).mean()
    negative, error = found.share(high=-1e-3)
    assert abs(negative - (expected < -1e-3).double().mean()) < 5 * error + 0.02
    grid = torch.linspace(-2, 3, 4001)
    curve = found.curve(grid, 0.05)
    assert torch.trapezoid(curve, grid.double()).item() == pytest.approx(1.0, abs=1e-4)


def test_a_probes_moments_are_exact_up_to_twice_the_steps():
    a = with_spectrum(torch.linspace(-1, 2, 50))
    found = spectral_density(products_of(a), probes=1, steps=4)
    signs = torch.randint(2, (50,), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    v = signs / math.sqrt(50)
    for order in range(8):
        power = torch.linalg.matrix_power(a, order)
        assert found.moment(order)[0].item() == pytest.approx((v @ power @ v).item(), abs=1e-12)
    assert found.moment(1)[1].isnan()
    power = torch.linalg.matrix_power(a, 8)
    assert found.moment(8)[0].item() != pytest.approx((v @ power @ v).item(), rel=1e-6)


def test_density_of_an_ensemble_and_of_few_eigenvalues():
    a = torch.stack([with_spectrum([2.0, 2, 0, 0, 0, 0, 0, 0]), with_spectrum(range(8), 1)])
    both = spectral_density(products_of(a), probes=3, steps=20)
    for e in range(2):
        one = spectral_density(products_of(a[e]), probes=3, steps=20)
        assert torch.allclose(both.moment(3)[0][e], one.moment(3)[0], rtol=1e-10)
    assert torch.allclose(both.integral, torch.ones(2).double())
    assert both.share(low=2.5)[0][0].item() == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(ValueError, match="at least 1"):
        spectral_density(products_of(a), probes=0)
    with pytest.raises(ValueError, match="width"):
        both.curve(torch.zeros(2), 0.0)
    assert SpectralDensity(both.nodes * torch.nan, both.weights, 8, 1).share()[0].isnan().all()


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_the_standard_error_of_a_trace_covers_the_exact_one(method):
    # 95% intervals of 200 independent estimates: at least 179 cover with probability 0.9996 if each does with 0.95
    # (binomial), and all 200 would say that they are too wide (probability 4e-5).
    _, dense = network()
    products, exact = products_of(dense), dense.trace().item()
    covered, errors = 0, []
    for seed in range(200):
        found = trace(products, method=method, max_products=30, generator=torch.Generator().manual_seed(seed))
        low, high = found.interval(0.95)
        covered += bool(low <= exact <= high)
        errors.append(found.value.item() - exact)
    assert 179 <= covered < 200
    spread = torch.tensor(errors).std().item()
    assert abs(sum(errors) / 200) < 5 * spread / math.sqrt(200)


def test_hutch_plus_plus_wins_where_few_eigenvalues_make_the_trace():
    a = with_spectrum([100.0, 50, 20, 10, 5] + [0.01] * 195)
    plain, better = (
        trace(products_of(a), method=m, max_products=30).standard_error.item() for m in ("hutchinson", "hutch++")
    )
    assert better < plain / 100
    low_rank = with_spectrum([3.0, 2.0] + [0.0] * 80)
    found = trace(products_of(low_rank), max_products=12)
    assert found.value.item() == pytest.approx(5.0, abs=1e-10)


def test_traces_of_an_ensemble_and_exact_ones():
    ps = [torch.tensor([[1.0, 2.0], [3.0, 0.5]], dtype=torch.float64, requires_grad=True)]
    found = trace(of_members(lambda: (ps[0] ** 3).sum(1), ps))
    assert found.value.tolist() == [18.0, 21.0]
    assert found.standard_error.tolist() == [0.0, 0.0]
    assert isinstance(found, Trace)
    a = torch.stack([with_spectrum(torch.linspace(0, 1, 90)), with_spectrum(torch.linspace(-5, 1, 90), 1)])
    for method in ("hutchinson", "hutch++"):
        both = trace(products_of(a), method=method, max_products=21)
        one = trace(products_of(a[1]), method=method, max_products=21)
        assert both.value[1].item() == pytest.approx(one.value.item(), rel=1e-10)
        assert both.standard_error[1].item() == pytest.approx(one.standard_error.item(), rel=1e-8)


@pytest.mark.parametrize(("method", "products"), [("exact", 10), ("hutchinson", 1), ("hutch++", 5)])
def test_bad_arguments_of_a_trace_are_refused(method, products):
    with pytest.raises(ValueError, match="need one of"):
        trace(products_of(torch.eye(100).double()), method=method, max_products=products)
