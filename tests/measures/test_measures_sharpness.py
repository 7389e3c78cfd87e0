from math import isnan

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainability.measures.sharpness import sharpness

SIZES = [(4, 3), (4,), (2, 4), (2,)]


def data():
    g = torch.Generator().manual_seed(3)
    return torch.randn(20, 3, generator=g).double(), torch.randn(20, 2, generator=g).double()


def parameters(seed, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=g).to(dtype).requires_grad_(True) for s in SIZES]


def loss_of(ps, activation):
    x, y = (t.to(ps[0].dtype) for t in data())
    return F.mse_loss(F.linear(activation(F.linear(x, ps[0], ps[1])), ps[2], ps[3]), y)


def dense_hessian(ps, activation):
    def of_flat(flat):
        pieces = [p.view(s) for p, s in zip(flat.split([12, 4, 8, 2]), SIZES, strict=True)]
        return loss_of(pieces, activation)

    flat = torch.cat([p.detach().reshape(-1) for p in ps])
    return torch.autograd.functional.hessian(of_flat, flat)


@pytest.mark.parametrize("activation", [torch.relu, torch.tanh])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_dense_hessian(activation, seed):
    ps = parameters(seed)
    expected = torch.linalg.eigvalsh(dense_hessian(ps, activation))[-1].item()
    found = sharpness(lambda: loss_of(ps, activation), ps, tol=1e-10)
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.converged
    assert sharpness(lambda: loss_of(ps, activation), ps).value == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_preconditioned_equals_the_dense_one(seed):
    ps = parameters(seed)
    g = torch.Generator().manual_seed(9)
    d = [torch.rand(s, generator=g).double() + 1e-3 for s in SIZES]
    scale = torch.cat([t.reshape(-1) for t in d]).rsqrt()
    dense = scale[:, None] * dense_hessian(ps, torch.tanh) * scale
    found = sharpness(lambda: loss_of(ps, torch.tanh), ps, preconditioner=d, tol=1e-10)
    assert found.value == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-6)


def test_float32_weights():
    ps = parameters(0, torch.float32)
    expected = torch.linalg.eigvalsh(dense_hessian([p.double() for p in ps], torch.relu))[-1].item()
    assert sharpness(lambda: loss_of(ps, torch.relu), ps, tol=1e-3).value == pytest.approx(expected, rel=1e-4)


def test_frozen_parameters_are_skipped():
    ps = parameters(0)
    ps[0].requires_grad_(False)
    dense = dense_hessian(ps, torch.tanh)[12:, 12:]
    found = sharpness(lambda: loss_of(ps, torch.tanh), ps, tol=1e-10)
    assert found.value == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-6)
    assert found.vector.shape == (14,)


def test_a_dead_network_and_a_linear_loss_have_no_curvature():
    w = torch.ones(3, requires_grad=True)
    unused = torch.ones(2, requires_grad=True)
    for loss in (w.sum, lambda: (w * 0).square().sum(), lambda: torch.tensor(1.0)):
        found = sharpness(loss, [w, unused])
        assert (found.value, found.converged) == (0.0, True)


def test_a_loss_that_is_not_finite():
    w = torch.ones(3, requires_grad=True)
    assert isnan(sharpness(lambda: (w**2).sum() / 0, [w]).value)
    assert isnan(sharpness(lambda: torch.tensor(float("nan")), [w]).value)


def test_leaves_no_trace():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = torch.randn(8, 3)
    model[0].weight.grad = torch.full((4, 3), 7.0)
    state = torch.random.get_rng_state()
    with torch.no_grad():
        sharpness(lambda: model(x).square().mean(), list(model.parameters()))
    assert torch.equal(model[0].weight.grad, torch.full((4, 3), 7.0))
    assert model[2].weight.grad is None
    assert torch.equal(state, torch.random.get_rng_state())


def test_attention_has_a_second_derivative_here():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    x = torch.randn(2, 3, 8, dtype=torch.float64)
    ps = list(layer.self_attn.parameters())

    def of_flat(flat):
        pieces = flat.split([p.numel() for p in ps])
        names = [name for name, _ in layer.self_attn.named_parameters()]
        given = {f"self_attn.{k}": v.view_as(p) for k, v, p in zip(names, pieces, ps, strict=True)}
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.func.functional_call(layer, given, (x,)).pow(4).mean()

    dense = torch.autograd.functional.hessian(of_flat, torch.cat([p.detach().reshape(-1) for p in ps]))
    found = sharpness(lambda: layer(x).pow(4).mean(), ps, tol=1e-10)
    assert found.value == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-6)


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


@pytest.mark.parametrize("loss", [lambda w: OnceOnly.apply(w).sum(), lambda w: OnceOnly.apply(w * w).square().sum()])
def test_no_second_derivative_is_an_error_where_torch_is_silently_wrong(loss):
    # torch 2.13: autograd.grad(..., allow_unused=True) gives 8 for the second one, whose Hessian is 56 I.
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        sharpness(lambda: loss(w), [w])


def test_torchs_own_error_passes_through():
    w = torch.ones(3, requires_grad=True)

    def loss():
        raise RuntimeError("from inside the loss")

    with pytest.raises(RuntimeError, match="from inside"):
        sharpness(loss, [w])


@pytest.mark.parametrize(
    "call",
    [
        lambda w: sharpness(lambda: w.sum(), []),
        lambda w: sharpness(lambda: w.sum(), [w.detach()]),
        lambda w: sharpness(lambda: w, [w]),
        lambda w: sharpness(lambda: w.sum(), [w], preconditioner=[torch.ones(2)]),
        lambda w: sharpness(lambda: w.sum(), [w], preconditioner=[torch.zeros(3)]),
        lambda w: sharpness(lambda: w.sum(), [w], preconditioner=[]),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="need"):
        call(torch.ones(3, requires_grad=True))
