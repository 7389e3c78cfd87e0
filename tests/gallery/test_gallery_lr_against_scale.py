"""Maps over lr and scale: borders by other paths, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import _lr_against_scale_runs as inner
from trainability.gallery import lr_against_scale as entry
from trainability.lab.phase import Explored, Line
from trainability.measures.sharpness import sharpness


def failing(made):
    return [c.says for c in entry.claims(made) if not c.holds]


def ideal(activation):
    """A map that is as theory says: trained between scale^-3 and the lower of three times the start's limit and the chain's."""
    x, y = inner.LR.values(21), inner.SCALE.values(21)
    chain = inner.chain_limit()
    start = 0.05 * y**-8.0
    times = 10 if activation == "relu" else 3
    top = np.minimum(times * start, chain)
    codes = np.where((x >= 0.055 * y[:, None] ** -3.0) & (x <= top[:, None] * 1.3), 3, 1)[..., None].repeat(4, 2)
    cells = Explored(x, y, codes, np.arange(codes[..., 0].size).reshape(21, 21))
    widest = float(y[cells.succeeds.any(1)].max())
    lines = (Line("stable lr at the start", start, y), Line("edge of chaos", np.array([1e-3, 100]), np.ones(2)))
    return inner.Map(activation, inner.LR, inner.SCALE, 400, cells, lines, start, chain, widest)


@pytest.fixture(scope="module")
def made():
    return entry.Maps((ideal("relu"), ideal("tanh")), 4)


def test_claims_hold_and_can_fail(made):
    assert failing(made) == []
    relu, tanh = made.maps

    def both(**fields):
        return replace(made, maps=tuple(replace(one, **fields) for one in made.maps))

    assert any("ReLU, wide starts: the largest" in s for s in failing(both(start=relu.start * 20)))
    assert any("tanh, wide starts: the largest" in s for s in failing(both(start=tanh.start / 20)))
    assert any("thin starts" in s for s in failing(both(chain=relu.chain / 5)))
    assert any("the widest scale" in s for s in failing(both(widest=3 * relu.widest)))
    assert any("homogeneity" in s for s in failing(both(start=0.05 * relu.cells.y**-7.0)))
    turned = replace(relu.cells, codes=relu.cells.codes[::-1].copy())
    assert any("the smallest lr" in s for s in failing(both(cells=turned)))
    higher = replace(relu.cells, codes=np.roll(relu.cells.codes, 7, axis=0))
    assert any("choice of lr" in s for s in failing(both(cells=higher)))
    shut = relu.cells.codes.copy()
    shut[relu.cells.y < 0.45] = 1
    assert any("nothing trains" in s for s in failing(both(cells=replace(relu.cells, codes=shut))))


def test_the_chain_is_the_flattest_linear_network_that_fits():
    """Against the Hessian, by autograd, of five numbers whose product is the gain; an uneven chain is sharper."""
    x, y = (t.double() for t in inner.data())
    power, vectors = torch.linalg.eigh(x.mT @ x / len(x))
    along = x @ vectors[:, -1]
    fit = (y * along[:, None]).mean(0) / power[-1]
    gain = fit.norm()

    def limit(factors):
        w = factors.clone().requires_grad_()
        return (
            2 / sharpness(lambda: ((w.prod() * along)[:, None] * fit / gain - y).square().mean(), [w], tol=1e-8).value
        )

    even = torch.full((inner.LAYERS,), float(gain) ** (1 / inner.LAYERS), dtype=torch.float64)
    assert limit(even) == pytest.approx(inner.chain_limit(), rel=1e-6)
    uneven = even * torch.tensor([2.0, 0.5, 1.0, 1.0, 1.0], dtype=torch.float64)
    assert limit(uneven) < inner.chain_limit()


def test_one_kernel_serves_a_relu_network_at_every_scale():
    net = inner.network("relu")
    power, modes, f = inner.kernel(net, 1.0, 0)
    told = inner.left(power, modes, 1.3**inner.LAYERS * f, 50)
    assert inner.left(*inner.kernel(net, 1.3, 0), 50) == pytest.approx(told, rel=1e-6)


def test_the_setup_is_the_member():
    """What `lab.phase.lines` looks at is what the ensemble trains."""
    x, y = inner.data()
    setup, member = inner.setup(3, "tanh"), inner.network("tanh").member(3)
    assert torch.equal(setup.model(x), member(x))
    assert setup.loss_fn(setup.model(x), y).item() == pytest.approx((member(x) - y).square().mean().item())


def test_borders_of_a_map(made):
    one = made.maps[0]
    row = int(np.argmin(np.abs(one.cells.y - 0.5)))
    good = one.cells.x[one.cells.succeeds[row]]
    assert (one.smallest()[row], one.largest()[row]) == (good.min(), good.max())
    assert entry.slope(np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.125, 1 / 64])) == pytest.approx(-3)
