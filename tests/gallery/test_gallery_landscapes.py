"""The entry on landscapes: gradients, races, golden numbers, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import brentq

from trainability.gallery import _landscapes as lands
from trainability.gallery import landscapes
from trainability.optimizers import SGD, Momentum


def failing(data):
    return [c.says for c in landscapes.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    return landscapes.run(smoke=True).data


def changed(data, rule, land, **values):
    entries = tuple(replace(e, **values) if (e.rule, e.landscape) == (rule, land) else e for e in data.entries)
    return replace(data, entries=entries)


@pytest.mark.parametrize("land", lands.ALL, ids=lambda land: land.name)
def test_gradients_are_those_of_autograd(land):
    w = land.starts(50, 7).requires_grad_()
    (told,) = torch.autograd.grad(land.value(w).sum(), w)
    assert torch.allclose(land.gradient(w.detach()), told, rtol=1e-10, atol=1e-10)
    assert (land.value(w) >= 0).all()


@pytest.mark.parametrize(
    ("name", "point"), [("Rosenbrock", (1.0, 1.0)), ("Beale", (3.0, 0.5)), ("saddle", (-1.0, 0.0)), ("plateau", (0, 0))]
)
def test_minima_are_where_they_are_published(name, point):
    w = torch.tensor([point], dtype=torch.float64)
    assert float(lands.get(name).value(w)) == pytest.approx(0, abs=1e-14)
    assert lands.get(name).gradient(w).abs().max() < 1e-12


def test_a_stacked_race_is_the_same_as_single_ones():
    chosen = [lands.get("quadratic"), lands.get("Beale")]
    starts = torch.stack([land.starts(3, 1) for land in chosen])
    lr = torch.tensor([0.01, 0.002, 0.015, 0.001, 0.003, 0.01], dtype=torch.float64)
    arrived, ends, _ = lands.race(Momentum(lr=lr), chosen, starts, 300, 1e-4)
    for i, land in enumerate(chosen):
        for j in range(3):
            one = lands.race(Momentum(lr=float(lr[3 * i + j])), [land], starts[i : i + 1, j : j + 1], 300, 1e-4)
            assert torch.equal(one[0][0, 0], arrived[i, j])
            assert torch.allclose(one[1][0, 0], ends[i, j], rtol=1e-12, atol=0, equal_nan=True)


def test_arrival_is_the_last_time_that_counts():
    land = lands.get("quadratic")
    start = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    arrived, _, path = lands.race(SGD(lr=0.5), [land], start, 20, 1e-4)
    assert float(arrived) == 7  # 2^-14 / 2 is the first below 1e-4: 2^-12 / 2 is 1.2e-4
    assert path.shape == (21, 1, 2)


def test_golden_numbers(data):
    assert data.rates["SGD"][0] == pytest.approx(99 / 101)
    assert data.rates["Momentum"][0] == pytest.approx(9 / 11)


def test_the_plateau_law_is_the_time_of_gradient_flow():
    # The radius from which dr/dt = -r exp(-r²/2) arrives just in time, by quadrature.
    steps, lr = 2000, 1.0
    end = np.sqrt(-2 * np.log(1 - landscapes.TARGET))

    def needed(r):
        return quad(lambda x: np.exp(x * x / 2) / x, end, r)[0]

    last = brentq(lambda r: needed(r) - lr * steps, 2, 5)
    assert landscapes.plateau_share(lr, steps) == pytest.approx((last - 2) / 3, abs=2e-4)


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    sgd = data.at("SGD", "quadratic")
    assert any("best rates" in s for s in failing(replace(data, rates=data.rates | {"Momentum": (0.8182, 0.9)})))
    assert any("closed form" in s for s in failing(changed(data, "SGD", "quadratic", arrived=sgd.arrived + 1)))
    newton = data.at("Newton, sizes", "quadratic")
    assert any(
        "one step" in s for s in failing(changed(data, newton.rule, newton.landscape, arrived=newton.arrived * 2))
    )
    turned = data.at("Momentum", "quadratic, turned")
    assert any("Turning" in s for s in failing(changed(data, "Momentum", turned.landscape, arrived=turned.arrived + 2)))
    aligned = data.at("Adam", "quadratic")
    assert any("Turning" in s for s in failing(changed(data, "Adam", "quadratic, turned", arrived=aligned.arrived)))
    some = data.at("SGD", "saddle").arrived.copy()
    some[0] = np.inf
    assert any("leaves a strict saddle" in s for s in failing(changed(data, "SGD", "saddle", arrived=some)))
    assert any("manifold" in s for s in failing(replace(data, on_manifold=data.on_manifold | {"Adam": (3, 20)})))
    assert any(
        "positive definite" in s for s in failing(changed(data, "Newton, textbook", "saddle", arrived=np.ones(60)))
    )
    away = data.at("Newton, textbook", "plateau").arrived
    assert any("walks away" in s for s in failing(changed(data, "Newton, textbook", "plateau", arrived=np.ones(60))))
    assert np.isinf(away).all()
    assert any("exponential" in s for s in failing(changed(data, "SGD", "plateau", arrived=np.full(60, np.inf))))
    lr, told, _ = data.crossing["Adam"]
    assert any(
        "length lr" in s for s in failing(replace(data, crossing=data.crossing | {"Adam": (lr, told, 3 * told)}))
    )
    quick = replace(data, entries=tuple(replace(e, arrived=np.ones(60)) if e.rule == "Adam"
                                        and np.isfinite(e.arrived[0]) else e for e in data.entries))  # fmt: skip
    assert any("Faster convergence" in s for s in failing(quick))
