"""The entry on order and chaos: its golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import order_to_chaos
from trainability.gallery.order_to_chaos import DEPTHS, SIGMA_B2, WEIGHTS, Chaos, train, wide
from trainability.theory.signal import depth_scales


def failing(data):
    return [c.says for c in order_to_chaos.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    """A grid of accuracies as the rule says, the factor of xi_c growing with the budget; wide networks measured."""
    scales = np.array([(w, *depth_scales("tanh", w, SIGMA_B2)[1:]) for w in WEIGHTS])
    factor = np.array([3.0, 4.5, 7.0])[:, None, None]
    limit = np.minimum(factor * scales[:, 1], 90.0 - 5 * np.abs(np.array(WEIGHTS) - 1.76))
    accuracy = np.where(np.array(DEPTHS)[:, None] <= limit, 0.95, 0.1)
    empty = np.ones((1, 2))
    return Chaos(wide(300, 10, 12), WEIGHTS, DEPTHS, (100, 300, 800), accuracy, scales, empty, empty, empty, empty)


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    first, edge, last = data.wide
    assert any(
        "chi_1 a layer" in s for s in failing(replace(data, wide=(replace(first, gradient=last.gradient), edge, last)))
    )
    assert any("recursion" in s for s in failing(replace(data, wide=(replace(first, c=edge.c), edge, last))))
    assert any("stays at q*" in s for s in failing(replace(data, wide=(replace(first, q=edge.q), edge, last))))
    turned = data.accuracy[:, :, ::-1]
    assert any("follows xi_c" in s for s in failing(replace(data, accuracy=np.roll(turned, 4, axis=2))))
    alike = np.stack([data.accuracy[0]] * 3)
    assert any("about 6 xi_c" in s for s in failing(replace(data, accuracy=alike)))
    assert any("no promise" in s for s in failing(replace(data, accuracy=np.full_like(data.accuracy, 0.9))))
    assert any("Near the edge" in s for s in failing(replace(data, accuracy=np.full_like(data.accuracy, 0.9))))


def test_the_predictions_are_the_published_ones(data):
    found = {w.sigma_w2: w for w in data.wide}
    assert found[1.3].told_q[-1] == pytest.approx(0.315316, abs=1e-6)  # by an independent program
    rate = (found[1.3].told_gradient[0] / found[1.3].told_gradient[-1]) ** (1 / 9)
    assert rate == pytest.approx(0.880164, abs=1e-6)


def test_learned_depth_interpolates(data):
    accuracy = np.full_like(data.accuracy, 0.1)
    accuracy[0, :3, 0], accuracy[0, :, 1], accuracy[0, 0, 2] = 0.9, 0.9, 0.4
    found = replace(data, accuracy=accuracy).learned_depth(0)
    assert found[0] == pytest.approx((12 * 16) ** 0.5)
    assert found[1] == np.inf
    assert found[2] == 0


def test_members_of_a_depth_are_trained_as_alone():
    together = train(5, (1.0, 1.76), (10,))
    alone = [train(5, (w,), (10,)) for w in (1.0, 1.76)]
    assert together == pytest.approx(np.concatenate(alone, axis=1), abs=0.01)


def test_the_gradient_is_the_one_of_autograd():
    """One random network of width 30, its gradient by the loop of `wide` and by torch."""
    torch.manual_seed(0)
    (first, *_) = wide(30, 4, 1)
    generator = torch.Generator().manual_seed(900)
    W = [torch.randn(30, 30, generator=generator) / 30**0.5 for _ in range(4)]
    b = [torch.randn(30, generator=generator) * SIGMA_B2**0.5 for _ in range(4)]
    starts = torch.linalg.qr(torch.randn(30, 4, generator=generator)).Q.mT * 30**0.5
    back = torch.randn(3, 30, generator=generator)[0]
    z = (first.told_q[0] ** 0.5 * starts[0]).requires_grad_()
    kept = [z]
    for layer in range(1, 4):
        kept.append(1.3**0.5 * (W[layer] @ torch.tanh(kept[-1])) + b[layer])
    grads = torch.autograd.grad(kept[-1] @ back, kept)
    told = np.array([float(g.square().mean() / back.square().mean()) for g in grads])
    assert first.gradient == pytest.approx(told, rel=1e-4)
