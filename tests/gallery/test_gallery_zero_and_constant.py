"""The entry on zero and constant weights: its golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import zero_and_constant
from trainability.gallery.zero_and_constant import HIDDEN, STARTS, Symmetry, forward, part, product, step, watch


def failing(data):
    return [c.says for c in zero_and_constant.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    watched = tuple(watch(start, 60, 30) for start in STARTS)
    share = zero_and_constant.data(60)[1].mean(0)
    # What a longer training does is put in by hand.
    watched = tuple(
        replace(w, accuracy=np.append(w.accuracy[:-1], 0.95)) if "Xavier" in w.start
        else replace(w, rank_outputs=w.rank_outputs + 2) if "random" in w.start
        else replace(w, loss=np.append(w.loss[:-1], -(share * np.log(share)).sum())) if w.start == "all 0"
        else w
        for w in watched
    )  # fmt: skip
    return Symmetry(watched, (part(5, (1e-4, 1e-6, 1e-8)),), float(-(share * np.log(share)).sum()))


def changed(data, start, **values):
    return replace(data, watched=tuple(replace(w, **values) if w.start == start else w for w in data.watched))


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    at = {w.start: w for w in data.watched}
    constant, twice = at["weights 0.1, biases 0"], at["every unit twice"]
    units = constant.units.copy()
    units[-1, 0] = 2
    assert any("to the last bit" in s for s in failing(changed(data, constant.start, units=units)))
    assert any("mini-batches" in s for s in failing(changed(data, "weights 0.1, mini-batches", units=units)))
    assert any("twice" in s for s in failing(changed(data, twice.start, rank_outputs=twice.rank_outputs + 1)))
    ranks = constant.rank_weights + 1
    assert any("Ranks never" in s for s in failing(changed(data, constant.start, rank_weights=ranks)))
    assert any("class frequencies" in s for s in failing(changed(data, "all 0", loss=at["all 0"].loss + 0.1)))
    assert any("not enough" in s for s in failing(changed(data, constant.start, accuracy=constant.accuracy + 0.9)))
    assert any("A rule" in s for s in failing(changed(data, "weights 0, random biases", units=units)))
    assert any("Noise of 1e-6" in s for s in failing(changed(data, "weights 0.1 + noise 1e-6", units=units)))
    p = data.parted[0]
    assert any("stay equal" in s for s in failing(replace(data, parted=(replace(p, alone=1e-17),))))
    assert any("parts them" in s for s in failing(replace(data, parted=(replace(p, rate=1.1 * p.rate),))))


def test_golden_rate(data):
    p = data.parted[0]
    assert p.rate == pytest.approx(1.54916, abs=1e-5)  # K/(2 pi x_s sqrt(K-1)), x_s = 0.2568406780
    assert p.told == pytest.approx(30.86, abs=0.01)
    assert p.parting == (72, 133, 195)


def test_a_step_is_the_one_of_torch():
    rng = np.random.default_rng(0)
    net = STARTS["Xavier"][1](rng)
    net = [(w, rng.normal(size=b.shape)) for w, b in net]
    x, wanted, labels = zero_and_constant.data(40)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, HIDDEN),
        torch.nn.Tanh(),
        torch.nn.Linear(HIDDEN, HIDDEN),
        torch.nn.Tanh(),
        torch.nn.Linear(HIDDEN, 10),
    ).double()
    with torch.no_grad():
        for layer, (w, b) in zip(model[::2], net, strict=True):
            layer.weight.copy_(torch.from_numpy(w))
            layer.bias.copy_(torch.from_numpy(b))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
    assert np.allclose(model(torch.from_numpy(x)).detach().numpy(), forward(net, x)[-1], atol=1e-12)
    optimizer.step()
    for layer, (w, b) in zip(model[::2], step(net, x, wanted, 0.3), strict=True):
        assert np.allclose(layer.weight.detach().numpy(), w, atol=1e-14)
        assert np.allclose(layer.bias.detach().numpy(), b, atol=1e-14)


@pytest.mark.parametrize("shape", [(7, 13, 5), (20, 64, 16), (33, 100, 10)])
def test_equal_rows_give_equal_products_to_the_last_bit(shape):
    n, k, m = shape
    rng = np.random.default_rng(1)
    a, row = rng.normal(size=(n, k)), rng.normal(size=k)
    found = product(a, np.tile(row, (m, 1)))
    assert (found == found[:, :1]).all()
    assert np.allclose(found, np.tile((a @ row)[:, None], (1, m)), rtol=1e-12)
