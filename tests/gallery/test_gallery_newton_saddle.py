"""The entry on Newton's method at saddles: golden numbers, and that each claim can fail."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch

from trainability.gallery import newton_saddle
from trainability.gallery.newton_saddle import Fates, critical_points, fates, himmelblau, well, wells


def failing(data):
    return [c.says for c in newton_saddle.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    return newton_saddle.run(smoke=True).data


@pytest.mark.parametrize(
    ("curved", "value"),
    [
        (well(0.05), lambda w: 0.05 * (w[0] ** 2 - 1) ** 2 / 4 + w[1] ** 2 / 2),
        (wells, lambda w: ((w**2 - 1) ** 2).sum() / 4),
        (himmelblau, lambda w: (w[0] ** 2 + w[1] - 11) ** 2 + (w[0] + w[1] ** 2 - 7) ** 2),
    ],
)
def test_gradients_and_hessians_are_those_of_autograd(curved, value):
    for w in torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)):
        gradient, hessian = curved(w[None])
        assert torch.allclose(gradient[0], torch.func.grad(value)(w), atol=1e-12)
        assert torch.allclose(hessian[0], torch.func.hessian(value)(w), atol=1e-12)


def test_golden_edges():
    none = np.empty(0)
    assert Fates(1.0, 0.0, none, none, none).edge == pytest.approx(1 / sqrt(5))
    assert Fates(0.5, 0.0, none, none, none).edge == pytest.approx(sqrt(3 / 11))
    assert Fates(1.0, 0.5, none, none, none).edge == 0


@pytest.mark.parametrize(("lr", "damping"), [(0.8, 0.1), (1.2, 0.3), (1.0, 0.7)])
def test_the_edge_holds_for_other_values_too(lr, damping):
    found = fates(lr, damping, 300)
    assert (found.caught == (np.abs(found.x) < found.edge)).all()


def test_critical_points():
    points, index = critical_points()
    assert sorted(index.tolist()) == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert np.abs(himmelblau(torch.from_numpy(points))[0].numpy()).max() < 1e-9


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    first = data.fates[0]
    rest = data.fates[1:]
    assert any("1/√5" in s for s in failing(replace(data, fates=(replace(first, caught=~first.caught), *rest))))
    flipped = first.caught.copy()
    flipped[0] = ~flipped[0]
    assert any("every single start" in s for s in failing(replace(data, fates=(replace(first, caught=flipped), *rest))))
    last = data.fates[-1]
    held = replace(last, caught=~last.caught, arrived=~last.arrived)
    assert any("Damping frees" in s for s in failing(replace(data, fates=(*data.fates[:-1], held))))
    low, *more, high = data.dimensions
    all_down = replace(low, zeros=0 * low.zeros)
    assert any("more dimensions" in s for s in failing(replace(data, dimensions=(all_down, *more, high))))
    assert any(
        "binomially" in s for s in failing(replace(data, dimensions=(low, *more, replace(high, zeros=high.zeros + 1))))
    )
    assert any("from every one" in s for s in failing(replace(data, dimensions=(replace(low, descent=3), *more, high))))

    def stepped(rule, factor):
        return replace(
            data, escapes=tuple(replace(e, steps=e.steps * factor) if rule in e.rule else e for e in data.escapes)
        )

    assert any("ln(factor)" in s for s in failing(stepped("damping 11", 1.2)))
    assert any("grows as the saddle" in s for s in failing(stepped("sizes", 2)))
    left = tuple(replace(e, steps=np.full(len(e.told), 5.0)) if "textbook" in e.rule else e for e in data.escapes)
    assert any("never leaves" in s for s in failing(replace(data, escapes=left)))


def test_the_claims_about_basins_can_fail(data):
    b = data.basins

    def ends(rule, value):
        return replace(data, basins=replace(b, ends=b.ends | {rule: np.full_like(b.ends[rule], value)}))

    saddle, minimum = int(np.flatnonzero(b.index == 1)[0]), int(np.flatnonzero(b.index == 0)[0])
    assert any("published" in s for s in failing(replace(data, basins=replace(b, points=b.points + 1e-3))))
    assert any("good part" in s for s in failing(ends("Newton, textbook", minimum)))
    assert any("good part" in s for s in failing(ends("gradient descent", saddle)))
    assert any("end at minima" in s for s in failing(ends("Newton, damped", -1)))
    assert any("tells most often" in s for s in failing(ends("Newton, textbook", saddle)))
