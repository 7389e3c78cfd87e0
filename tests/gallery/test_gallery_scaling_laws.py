"""Scaled weights: the Gauss-Newton eigenvalue against a dense one, and claims that can fail."""

from dataclasses import replace

import pytest
import torch

from trainability.gallery import scaling_laws as entry


def failing(rows):
    return [c.says for c in entry.claims(rows) if not c.holds]


def test_gauss_newton_equals_the_dense_matrix():
    generator = torch.Generator().manual_seed(0)
    weights = [
        torch.randn(m, n, generator=generator, dtype=torch.float64).requires_grad_()
        for n, m in ((4, 6), (6, 5), (5, 3))
    ]
    x = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    rows = []
    for value in entry.network(x, weights).flatten():
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, weights, retain_graph=True)]))
    jacobian = torch.stack(rows)
    top = torch.linalg.eigvalsh(jacobian.T @ jacobian / len(x))[-1].item()
    assert entry.gauss_newton(x, weights)[0] == pytest.approx(top, rel=1e-9)


def test_linear_deviation():
    """One linear layer, one input of ones: curvature 2 along the input, so that a step multiplies by 1 - 2 lr."""
    x, w = torch.ones(1, 2, dtype=torch.float64), [torch.zeros(1, 2, dtype=torch.float64) + 1]
    direction = torch.ones(2, dtype=torch.float64) / 2**0.5
    assert entry.deviations(x, w, direction, 0.3, 3) == pytest.approx([1, 0.4, 0.16, 0.064], rel=1e-6)


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    assert result.holds
    rows = result.data
    two, three = rows
    assert three.output == pytest.approx((1 / 8, 1, 8, 27), rel=1e-12)
    assert failing((two, replace(three, output=(1 / 8, 1, 7.9, 27))))
    assert failing((two, replace(three, gradient=(1 / 8, 1, 8, 27))))
    assert any(
        "Lanczos" in s
        for s in failing((two, replace(three, curvature=tuple(1.01**i * c for i, c in enumerate(three.curvature)))))
    )
    assert any("no power" in s for s in failing((two, replace(three, loss_gradient=(0.1, 1, 16, 27)))))
    assert any("stable up to" in s for s in failing((two, replace(three, growth=dict.fromkeys(three.growth, 0.9)))))
    assert any("not enough" in s for s in failing((two, replace(three, two_to_d=0.9))))
    assert any("global" in s for s in failing((two, replace(three, copy=1e-3))))
    assert any("biases" in s for s in failing((two, replace(three, biased=8.0))))
    assert any("biases" in s for s in failing((two, replace(three, biased_scaled=7.0))))
    assert len(entry.figure(result).axes) == 3
