"""The entry on corners: its golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import elbows
from trainability.gallery._stacked import descend
from trainability.optimizers import SGD, Adam


def failing(data):
    return [c.says for c in elbows.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    found = elbows.law_data(20_000, 200, 500)
    return elbows.Corners(**found, fits=(elbows.fit("|x|", "Adam", 4, 20),))


def test_the_laws_hold_and_can_fail(data):
    about_laws = failing(data)[:0] + [says for says in failing(data) if "error" not in says and "win" not in says]
    assert about_laws == []
    assert any("Cauchy" in s for s in failing(replace(data, distance=data.distance | {"w He, b = 0.01": 3.0})))
    shares = data.shares.copy()
    shares[2] += [500, 0, -500]
    assert any("quarter" in s for s in failing(replace(data, shares=shares)))
    assert any("settle" in s for s in failing(replace(data, far=(*data.far[:-1], 20))))
    moved = tuple((top, seen + 10 * error, error, both) for top, seen, error, both in data.half)
    assert any("imprecise" in s for s in failing(replace(data, half=moved)))


def test_the_fits_claims_can_fail(data):
    fit = data.fits[0]
    assert any("comes back" in s for s in failing(replace(data, fits=(replace(fit, revived=1),))))
    better = fit.error.copy()
    better[1] = better[0] * 0.1 * np.linspace(0.99, 1.01, 4)
    assert any("Not seen" in s for s in failing(replace(data, fits=(replace(fit, error=better),))))
    better[3] = better[0] * 0.1 * np.linspace(0.99, 1.01, 4)
    assert any("kink" in s for s in failing(replace(data, fits=(replace(fit, error=better),))))
    wave = replace(fit, target="sin 2πx", error=np.full((6, 4), 0.1) * np.linspace(0.99, 1.01, 4))
    assert any("spread over the data" in s for s in failing(replace(data, fits=(fit, wave))))


def test_schemes_share_their_weights_in_pairs():
    x = torch.linspace(-1, 1, 64)[:, None]
    layers = {s: elbows.layer(s, 3, 8, 7, x) for s in elbows.SCHEMES}
    for s in ("b = 0.01", "b ~ N(0, 0.01²)", "placed on the data"):
        assert torch.equal(layers[s][0], layers["b = 0"][0])
    assert layers["b = 0.01"][1].unique().tolist() == pytest.approx([0.01])


def test_against_zero_is_the_paired_t_interval():
    error = np.array([[1.0, 1.0, 1.0], [10.0, 100.0, 1000.0], *[[1.0, 2.0, 3.0]] * 4])
    fit = elbows.Fit("|x|", "Adam", error, np.ones(6), np.ones(6), 0, 0)
    mean, low, high = fit.against_zero("b = 0.01")
    assert mean == pytest.approx(2.0)
    assert high - mean == pytest.approx(4.302653 / 3**0.5, rel=1e-6)  # t quantile 0.975 at 2 degrees of freedom
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.parametrize("rule", [SGD(lr=0.1), Adam(lr=0.01)])
def test_a_stack_is_trained_as_each_member_alone_with_torch(rule):
    torch.manual_seed(0)
    x, y = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)
    start = torch.randn(4, 1, 3, dtype=torch.float64)
    ends = descend(lambda p: (x @ p["w"].mT - y).square().mean((1, 2)), {"w": start}, rule, 15)["w"]
    kind = torch.optim.SGD if isinstance(rule, SGD) else torch.optim.Adam
    for member, end in zip(start, ends, strict=True):
        w = member.clone().requires_grad_()
        optimizer = kind([w], lr=rule.lr)
        for _ in range(15):
            optimizer.zero_grad()
            (x @ w.mT - y).square().mean().backward()
            optimizer.step()
        assert torch.allclose(w, end, rtol=1e-12, atol=1e-12)
