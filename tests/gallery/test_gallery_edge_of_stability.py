"""The entry on the edge of stability: its parts by other paths, golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import edge_of_stability
from trainability.gallery.edge_of_stability import curvature, digits, divisor, gradient, mean_loss, network
from trainability.optimizers import Adam
from trainability.theory.stability import spectral_radius

WIDTHS = (64, 4, 10)


@pytest.fixture(scope="module")
def data():
    return edge_of_stability.run(smoke=True).data


def failing(data):
    return [c.says for c in edge_of_stability.claims(data) if not c.holds]


def changed(data, label, **values):
    assert label in [r.label for r in data.runs]
    return replace(data, runs=tuple(replace(r, **values) if r.label == label else r for r in data.runs))


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    at = {r.label: r for r in data.runs}
    for label in ("gradient descent 0.6", "heavy ball 1", "Nesterov 0.45", "low-pass 2", "Adam 0.02"):
        name = at[label].name
        limit = at[label].limit
        assert any(s.startswith(f"{name}: sharpness hovers") for s in failing(changed(data, label, limit=1.2 * limit)))
    descent, small = at["gradient descent 0.6"], at["gradient descent 0.1"]
    nesterov, ball = at["Nesterov 0.45"], at["heavy ball 1"]
    assert any("is its own" in s for s in failing(changed(data, nesterov.label, sharpness=2.8 * nesterov.sharpness)))
    assert any("path" in s for s in failing(changed(data, ball.label, loss=ball.loss * (1 + 1e-6))))
    assert any("far below" in s for s in failing(changed(data, small.label, sharpness=small.sharpness[::-1])))
    assert any("too small" in s for s in failing(changed(data, small.label, loss=small.loss[::-1])))
    assert any("too small" in s for s in failing(changed(data, small.label, turns=-np.ones_like(small.turns))))
    assert any("no longer falls" in s for s in failing(changed(data, descent.label, loss=np.sort(descent.loss)[::-1])))
    assert any("root at -1" in s for s in failing(changed(data, descent.label, turns=np.ones_like(descent.turns))))
    assert any("Lanczos" in s for s in failing(changed(data, descent.label, converged=False)))


def test_golden_levels(data):
    """By a loop of plain torch.optim with eigenvalues of dense Hessians, at the same steps."""
    levels = [r.level for r in data.runs[:5]]
    assert levels == pytest.approx([0.1428, 1.0224, 1.0160, 0.9788, 1.0160], abs=0.02)


def test_limits_are_where_one_step_begins_to_grow(data):
    hyper = {
        "gradient descent": ("gradient_descent", {}),
        "heavy ball": ("heavy_ball", {"momentum": 0.5}),
        "Nesterov": ("nesterov", {"momentum": 0.9}),
        "low-pass": ("low_pass", {"weight": 0.5}),
        "Adam": ("adam", {"beta1": 0.9}),
    }
    for r in data.runs:
        rule, given = hyper[r.name]
        assert spectral_radius(rule, r.lr, 0.999 * r.limit, **given) < 1
        assert spectral_radius(rule, r.lr, 1.001 * r.limit, **given) > 1


def test_the_network_is_that_of_torch_and_adam_too():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 4), torch.nn.Tanh(), torch.nn.Linear(4, 10)).double()
    params = network(WIDTHS, 0)
    for mine, theirs in zip(params.values(), model.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-7)
    with torch.no_grad():
        for mine, theirs in zip(params.values(), model.parameters(), strict=True):
            theirs.copy_(mine)
    x, y = digits(20)
    assert x.shape == (20, 64)
    assert bool((y.sum(1) == 1).all())
    rule, optimizer = Adam(0.01), torch.optim.Adam(model.parameters(), lr=0.01)
    state = rule.init(params)
    for _ in range(5):
        value, grads = gradient(params, x, y)
        optimizer.zero_grad()
        loss = 0.5 * (model(x) - y).square().sum(1).mean()
        loss.backward()
        assert value == pytest.approx(loss.item(), rel=1e-12)
        optimizer.step()
        params, state = rule.update(grads, state, params)
    scale = divisor(rule, state, params)
    theirs = rule.preconditioner(optimizer, list(model.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-10) for a, b in zip(scale, theirs, strict=True))


@pytest.mark.parametrize("preconditioned", [False, True])
def test_curvature_is_that_of_the_dense_hessian(preconditioned):
    x, y = digits(20)
    params = network(WIDTHS, 1)
    shapes = {name: value.shape for name, value in params.items()}
    flat = torch.cat([value.flatten() for value in params.values()])

    def loss(vector):
        parts = vector.split([shape.numel() for shape in shapes.values()])
        return mean_loss({k: p.reshape(shapes[k]) for k, p in zip(shapes, parts, strict=True)}, x, y)

    dense = torch.autograd.functional.hessian(loss, flat)
    scale = None
    if preconditioned:
        scale = [value.abs() + 0.1 for value in params.values()]
        root = torch.cat([d.flatten() for d in scale]).sqrt()
        dense = dense / root[:, None] / root
    assert curvature(params, x, y, scale).value == pytest.approx(torch.linalg.eigvalsh(dense)[-1].item(), rel=1e-3)
