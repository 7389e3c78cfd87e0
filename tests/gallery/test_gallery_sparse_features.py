"""The entry on rare features: golden numbers, and that each claim can fail."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from trainability.gallery import sparse_features
from trainability.gallery.sparse_features import LONG, SHORT, Sparse, frequencies, second_moment, train
from trainability.optimizers import SGD


def failing(data):
    return [c.says for c in sparse_features.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def data():
    return sparse_features.run(smoke=True).data


def changed(data, *, where, **values):
    return Sparse(tuple(replace(p, **{k: v(p) for k, v in values.items()}) if where(p) else p for p in data.problems))


def scaled(name, field, factor, p):
    return getattr(p, field) | {name: getattr(p, field)[name] * factor}


def test_frequencies_and_their_second_moment():
    p = frequencies("power law")
    assert float(p[0]) == 0.5
    assert float(p[-1]) == pytest.approx(0.5 * 60**-1.2)
    assert float(frequencies("equal").sum()) == pytest.approx(float(p.sum()))
    draws = (torch.rand(200_000, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64) < p).double()
    # 3600 entries with a standard error of at most 0.0012: beyond 6 of them once in 100,000 runs.
    assert (draws.T @ draws / 200_000 - second_moment(p, torch.ones_like(p))).abs().max() < 6 * 0.0012


def test_a_stacked_training_is_the_plain_one():
    rates = torch.tensor([0.1, 0.3], dtype=torch.float64)
    _, errors, truth = train("logistic", "power law", "falling", {"SGD": rates}, 2, 5, 4)
    chance = torch.Generator().manual_seed(4)
    p = frequencies("power law")
    assert torch.equal(torch.randn(2, 60, generator=chance, dtype=torch.float64), truth)
    w = {"w": torch.zeros(60, dtype=torch.float64)}
    for t in range(5):
        x = (torch.rand(2, 32, 60, generator=chance) < p).double()
        z = torch.bmm(x, truth[..., None])[..., 0]
        y = (torch.rand(2, 32, generator=chance) < torch.sigmoid(z)).double()
        v = w["w"].requires_grad_()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x[1] @ v, y[1])
        (gradient,) = torch.autograd.grad(loss, v)
        w, _ = SGD(lr=0.3 * (1 - t / 5)).update({"w": gradient}, {}, {"w": v.detach()})
    assert torch.allclose(errors["SGD"][1, 1], w["w"] - truth[1], atol=1e-12)


def test_the_claims_hold_and_can_fail(data):
    assert failing(data) == []
    raw = changed(data, where=lambda p: p.kind == "power law", left=lambda p: scaled("SGD", "left", 1.3, p))
    assert any("mean error" in s for s in failing(raw))
    for rule in sparse_features.ADAPTIVE:
        worse = changed(data, where=lambda p: p.schedule == "constant", excess=partial(scaled, rule, "excess", 3.0))
        assert sum("while time is short" in s for s in failing(worse)) == 2
        assert any("honest answer" in s for s in failing(worse))
    slow = changed(data, where=lambda p: True, errors=partial(scaled, "Momentum", "errors", 20.0))
    assert any("momentum, which" in s for s in failing(slow))
    better = changed(data, where=lambda p: p.kind == "standardised", excess=partial(scaled, "Adam", "excess", 0.1))
    assert any("nothing to do" in s for s in failing(better))


def test_the_claims_about_long_runs_can_hold_and_fail(data):
    """What a long run does is put in by hand, from the short one."""
    long = []
    for p in data.problems:
        errors, excess = p.errors, p.excess
        if p.schedule == "falling":
            factor = 1.0 if p.task == "logistic" else 0.05
            wobble = np.linspace(0.8, 1.25, len(p.truth))[:, None]
            errors = {rule: p.errors["SGD"] * 0.3 * (wobble if rule != "SGD" else 1) for rule in p.errors}
            if factor == 1.0:
                errors = {rule: e * (0.5 if rule in sparse_features.ADAPTIVE else 1) for rule, e in errors.items()}
        elif p.kind == "power law":
            if p.task == "linear":
                errors = {r: e * (1 if r == "SGD" else 20) for r, e in p.errors.items()}
        elif p.task == "logistic":
            errors = p.errors | {"SGD": p.errors["SGD"] * 0.1}
            excess = p.excess | {"Adagrad": 0.1 * p.excess["SGD"] * np.linspace(0.9, 1.1, len(p.truth))}
            excess |= {r: 3 * p.excess["SGD"] * np.linspace(0.9, 1.1, len(p.truth)) for r in ("RMSprop", "Adam")}
        long.append(replace(p, steps=LONG, errors=errors, excess=excess))
    both = Sparse((*data.problems, *long))
    assert failing(both) == []
    undone = Sparse((*data.problems, *(replace(p, steps=LONG) for p in data.problems)))
    assert all(p.steps in (SHORT, LONG) for p in undone.problems)
    assert any("no adaptive rule does better" in s for s in failing(undone))
    assert any("on which they are worse" in s for s in failing(undone))
    assert any("standardised features help" in s for s in failing(undone))
    equal = replace(data.at("linear", "power law"), kind="equal")
    assert any("gains less" in s for s in failing(Sparse((*data.problems, equal))))
