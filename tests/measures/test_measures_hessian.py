"""Products with Hessians against dense ones, over loaders and over ensembles."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainability.measures import hessian
from trainability.measures.lanczos import largest_eigenvalues
from trainability.measures.sharpness import sharpness, sharpness_of_members, sharpness_over


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)), (24, 5)),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 3, 2),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(12, 3),
        ),
        (16, 1, 8, 8),
    ),
    "attention": (Attention, (6, 4, 8)),
}


def setting(name, seed=0):
    build, shape = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build().double()
        x = torch.randn(shape, dtype=torch.float64)
        y = torch.randint(0, 3, (shape[0],))
    return model, x, y


def dense_hessian(model, compute):
    """By torch.autograd.functional on the flat vector."""
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    parameters = [dict(model.named_parameters())[n] for n in names]

    def of_flat(flat):
        parts = flat.split([p.numel() for p in parameters])
        given = {n: part.view_as(p) for n, part, p in zip(names, parts, parameters, strict=True)}
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return compute(lambda x: torch.func.functional_call(model, given, (x,)))

    return torch.autograd.functional.hessian(of_flat, torch.cat([p.detach().reshape(-1) for p in parameters]))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss_fn", [F.cross_entropy, lambda out, y: F.mse_loss(out, F.one_hot(y, 3).double())])
def test_sharpness_of_three_networks_equals_the_dense_one(name, loss_fn):
    # mse_loss: its forward derivative of the gradient raises in torch; reverse over reverse does not.
    model, x, y = setting(name)
    dense = dense_hessian(model, lambda f: loss_fn(f(x), y))
    found = sharpness(lambda: loss_fn(model(x), y), list(model.parameters()), tol=1e-8, max_steps=200)
    assert found.converged
    assert found.value == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-6)


def test_forward_over_reverse_still_raises_with_mse_and_is_not_what_is_used():
    w, y = torch.ones(3), torch.zeros(3)
    grad = torch.func.grad(lambda w: F.mse_loss(w * w, y))
    with pytest.raises(RuntimeError):
        torch.func.jvp(grad, (w,), (w,))
    w = w.requires_grad_(True)
    assert sharpness(lambda: F.mse_loss(w * w, y), [w]).value == pytest.approx(4.0)


@pytest.mark.parametrize("name", NETWORKS)
def test_products_equal_central_differences_of_the_gradient(name):
    model, x, y = setting(name, 1)
    for module in model.modules():  # differences need smoothness
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation = F.gelu
    if name != "attention":
        model = nn.Sequential(*[nn.Tanh() if isinstance(m, nn.ReLU) else m for m in model])
    parameters = list(model.parameters())
    products = hessian.of_loss(lambda: F.cross_entropy(model(x), y), parameters)
    v = torch.randn(products.n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    v /= v.norm()
    pieces = [p.view_as(w) for p, w in zip(v.split([p.numel() for p in parameters]), parameters, strict=True)]
    product = products.matvec(v)  # before the weights move under the graph
    gradients, eps = [], 1e-5
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(parameters, pieces, strict=True):
                p += sign * eps * d
        grads = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
        gradients.append(torch.cat([g.reshape(-1) for g in grads]))
        with torch.no_grad():
            for p, d in zip(parameters, pieces, strict=True):
                p -= sign * eps * d
    expected = (gradients[0] - gradients[1]) / (2 * eps)
    assert torch.allclose(product, expected, atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("keep_graphs", [True, False])
@pytest.mark.parametrize("size", [24, 10, 7, 1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loader_is_exactly_one_large_batch(keep_graphs, size, reduction):
    model, x, y = setting("mlp")
    parameters = list(model.parameters())
    whole = hessian.of_loss(lambda: F.cross_entropy(model(x), y, reduction=reduction), parameters)
    parts = hessian.of_batches(
        lambda a, b: F.cross_entropy(model(a), b, reduction=reduction),
        DataLoader(TensorDataset(x, y), batch_size=size, shuffle=True, generator=torch.Generator().manual_seed(0)),
        parameters,
        reduction=reduction,
        keep_graphs=keep_graphs,
    )
    v = torch.randn(whole.n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(parts.matvec(v), whole.matvec(v), rtol=1e-11, atol=1e-13)
    assert torch.allclose(parts.gradient, whole.gradient, rtol=1e-11, atol=1e-13)
    assert parts.loss.item() == pytest.approx(whole.loss.item(), rel=1e-12)


def test_sharpness_over_an_uneven_loader():
    model, x, y = setting("conv")
    whole = sharpness(lambda: F.cross_entropy(model(x), y), list(model.parameters()), tol=1e-9, max_steps=100)
    loader = [(x[:7], y[:7]), (x[7:14], y[7:14]), (x[14:], y[14:])]
    parts = sharpness_over(
        lambda a, b: F.cross_entropy(model(a), b), loader, list(model.parameters()), tol=1e-9, max_steps=100
    )
    assert parts.value == pytest.approx(whole.value, rel=1e-9)
    mean_of_means = torch.stack(
        [F.cross_entropy(model(a), b).detach() for a, b in loader]
    ).mean()  # what must not be taken
    products = hessian.of_batches(lambda a, b: F.cross_entropy(model(a), b), loader, list(model.parameters()))
    assert products.loss.item() != pytest.approx(mean_of_means.item(), rel=1e-6)


def test_loaders_that_cannot_be_used_are_refused():
    w = torch.ones(2, requires_grad=True)
    batch = (torch.ones(3, 2),)

    def loss(x):
        return (x @ w).square().mean()

    with pytest.raises(ValueError, match="no samples"):
        hessian.of_batches(loss, [], [w])
    with pytest.raises(ValueError, match="not an iterator"):
        hessian.of_batches(loss, iter([batch]), [w])
    with pytest.raises(ValueError, match='need "mean" or "sum"'):
        hessian.of_batches(loss, [batch], [w], reduction="none")


def test_weight_decay_and_preconditioner_against_the_dense_one():
    model, x, y = setting("mlp")
    parameters = list(model.parameters())
    g = torch.Generator().manual_seed(0)
    d = [torch.rand(p.shape, generator=g, dtype=torch.float64) + 0.1 for p in parameters]
    decay = [0.3 if p.ndim > 1 else 0.0 for p in parameters]
    c = torch.cat(
        [torch.full((p.numel(),), one, dtype=torch.float64) for p, one in zip(parameters, decay, strict=True)]
    )
    scale = torch.cat([t.reshape(-1) for t in d]).rsqrt()
    dense = dense_hessian(model, lambda f: F.cross_entropy(f(x), y)) + torch.diag(c)
    expected = torch.linalg.eigvalsh(scale[:, None] * dense * scale)[-1].item()
    found = sharpness(
        lambda: F.cross_entropy(model(x), y), parameters, preconditioner=d, weight_decay=decay, tol=1e-9, max_steps=150
    )
    assert found.value == pytest.approx(expected, rel=1e-7)
    with pytest.raises(ValueError, match="need one for each"):
        hessian.of_loss(lambda: F.cross_entropy(model(x), y), parameters, weight_decay=[0.1])


def stacked(members, seed=0, sizes=(3, 5, 2)):
    g = torch.Generator().manual_seed(seed)
    ps = []
    for fan_in, out in itertools.pairwise(sizes):
        ps += [
            torch.randn(members, out, fan_in, generator=g).double(),
            torch.randn(members, 1, out, generator=g).double(),
        ]
    x = torch.randn(members, 9, sizes[0], generator=g).double()
    y = torch.randn(members, 9, sizes[-1], generator=g).double()
    return [p.requires_grad_(True) for p in ps], x, y


def losses_of(ps, x, y):
    h = torch.tanh(x @ ps[0].mT + ps[1])
    return (h @ ps[2].mT + ps[3] - y).square().mean((1, 2))


def test_an_ensemble_gives_the_numbers_of_its_members():
    ps, x, y = stacked(6)
    together = sharpness_of_members(lambda: losses_of(ps, x, y), ps, tol=1e-6)
    assert len(together) == 6
    for e in range(6):
        alone = [p.detach()[e : e + 1].clone().requires_grad_(True) for p in ps]
        one = sharpness(lambda alone=alone, e=e: losses_of(alone, x[e : e + 1], y[e : e + 1])[0], alone, tol=1e-6)
        member = together[e]
        assert member.value == pytest.approx(one.value, rel=1e-10)
        assert (member.steps, member.converged) == (one.steps, one.converged)
        assert member.residual == pytest.approx(one.residual, rel=1e-3, abs=1e-9)
        assert torch.allclose(member.vector.abs(), one.vector.abs(), atol=1e-7)


def test_an_ensemble_under_vmap():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    g = torch.Generator().manual_seed(0)
    params = {
        n: torch.randn(4, *p.shape, generator=g, dtype=torch.float64).requires_grad_(True)
        for n, p in model.named_parameters()
    }
    x = torch.randn(11, 3, generator=g, dtype=torch.float64)

    def one(given):
        return F.mse_loss(torch.func.functional_call(model, given, (x,)), torch.zeros(11, 1, dtype=torch.float64))

    found = sharpness_of_members(lambda: torch.vmap(one)(params), list(params.values()), tol=1e-9)
    for e in range(4):
        for n, p in model.named_parameters():
            p.data = params[n].detach()[e]
        dense = dense_hessian(model, lambda f: F.mse_loss(f(x), torch.zeros(11, 1, dtype=torch.float64)))
        assert found.values[e].item() == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-8)


def test_a_lost_member_leaves_the_others_alone():
    ps, x, y = stacked(3)
    expected = sharpness_of_members(lambda: losses_of(ps, x, y), ps)
    with torch.no_grad():
        ps[0][1, 0, 0] = float("nan")
    found = sharpness_of_members(lambda: losses_of(ps, x, y), ps)
    assert found.values[1].isnan()
    assert not found.converged[1]
    assert torch.allclose(found.values[[0, 2]], expected.values[[0, 2]], rtol=1e-12)
    assert torch.equal(found.vectors[1], torch.zeros_like(found.vectors[1]))


def test_ensembles_that_are_none_are_refused():
    ps, x, y = stacked(4)
    with pytest.raises(ValueError, match=r"need \(4,\)"):
        sharpness_of_members(lambda: losses_of(ps, x, y).mean(), ps)
    with pytest.raises(ValueError, match="depend on the parameters of others"):
        sharpness_of_members(lambda: losses_of([p - p.mean(0) for p in ps], x, y), ps)
    with pytest.raises(ValueError, match="same number of members"):
        sharpness_of_members(lambda: losses_of(ps, x, y), [*ps, torch.ones(3, 2, requires_grad=True)])
    with pytest.raises(ValueError, match="members=0"):
        largest_eigenvalues(lambda v: v, 0, 3)


def test_members_of_different_rank_stop_where_they_stop_alone():
    d = torch.zeros(3, 30, dtype=torch.float64)
    d[0] = 2.0  # one step
    d[1, :3] = torch.tensor([3.0, -7.0, 1.0])
    d[2] = torch.linspace(-1, 1, 30, dtype=torch.float64)
    found = largest_eigenvalues(lambda v: d * v, 3, 30, tol=1e-10)
    assert torch.allclose(found.values, torch.tensor([2.0, 3.0, 1.0], dtype=torch.float64), rtol=1e-10)
    assert found.steps[0] == 1
    assert found.steps[1] <= 5 < found.steps[2]
    assert found.converged.all()
    negative = largest_eigenvalues(lambda v: -(d.abs() + 1) * v, 3, 30, tol=1e-10)  # zeros of unused rows are no values
    assert torch.allclose(negative.values, torch.tensor([-3.0, -1.0, -(1 + 1 / 29)], dtype=torch.float64), rtol=1e-9)


def test_a_few_steps_can_give_the_wrong_sign_and_say_so():
    # 1 eigenvalue above 0 in 2000: two steps do not see it.
    d = torch.linspace(-3.0, -1.0, 2000, dtype=torch.float64)
    d[-1] = 0.2
    few = largest_eigenvalues(lambda v: d * v, 1, 2000, max_steps=2)[0]
    assert few.value < 0
    assert not few.converged
    assert few.residual > 0.1
    enough = largest_eigenvalues(lambda v: d * v, 1, 2000, max_steps=60)[0]
    assert enough.value == pytest.approx(0.2, rel=1e-6)
    assert enough.converged
