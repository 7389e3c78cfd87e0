"""Optimizers on one ReLU: golden numbers, and claims that fail on numbers that are tampered with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import _single_relu_optimizers_runs as runs
from trainability.gallery import single_relu_optimizers as entry
from trainability.theory.one_relu import crossing


@pytest.fixture(scope="module")
def data():
    return entry.run(smoke=True).data


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def with_run(data, name, **changes):
    return replace(data, runs=data.runs | {name: replace(data.runs[name], **changes)})


def test_golden_numbers(data):
    assert failing(data) == []
    # made by this entry from theory alone: reach in lr after 600 steps
    assert [round(data.reach[n], 1) for n in ("Adagrad", "AMSGrad", "Adam", "Adamax", "RMSprop")] == [
        1.0, 114.0, 128.3, 59.8, 76.8
    ]  # fmt: skip
    assert round(entry.settles_below(), 3) == 1.211


def test_every_rule_of_the_package_is_run():
    from trainability import optimizers

    assert {kind.rule for kind in runs.KINDS.values()} == set(optimizers.ALL)


def test_a_run_is_that_of_torch():
    x = runs.sample(1)
    seen = runs.simulate(runs.KINDS["Adam"], np.array([-1.0]), np.array([0.05]), x, 40)
    w = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.05)
    inputs = torch.as_tensor(x[0])[:, None]
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss((inputs @ w).relu(), inputs.relu()).backward()
        optimizer.step()
    assert seen.end[0, 0, 0] == pytest.approx(w.item(), abs=1e-12)


def test_cycles_are_those_of_the_recursion():
    for lr in (0.5, 1.8, 3.0):
        told, seen = crossing.momentum_cycles(lr, 0.9, longest=9, convention="mse"), set()
        for start in np.linspace(-3, -0.1, 30):
            w, v, path = start, 0.0, []
            for _ in range(2000):
                v = 0.9 * v + (w if w < 0 else w - 1)
                w -= lr * v
                path.append(w)
            tail = np.array(path[-200:])
            if abs(tail - 1).max() > 1e-3:
                seen.add(next((p for p in range(2, 60) if np.allclose(tail[p:], tail[:-p], atol=1e-8)), 0))
        assert seen <= set(told)
        assert bool(seen) == bool(told)


def test_claims_about_linear_rules_can_fail(data):
    gd = data.runs["gradient descent"]
    late = np.where(gd.crossed > 0, gd.crossed + 1, gd.crossed)
    assert any("step at which a run passes" in s for s in failing(with_run(data, "gradient descent", crossed=late)))
    one = gd.crossed.copy()
    one[0, :, :] = 5
    assert any("how far below 0" in s for s in failing(with_run(data, "gradient descent", crossed=one)))
    none = np.zeros_like(gd.outcome)
    assert any("comes back below 0" in s for s in failing(with_run(data, "gradient descent", outcome=none)))
    assert any("Newton" in s for s in failing(with_run(data, "Newton", end=data.runs["Newton"].end + 0.1)))
    assert any("go round" in s for s in failing(replace(data, told_cycles=((),) * len(data.told_cycles))))
    assert any("Smallest lr" in s for s in failing(with_run(data, "Nesterov 0.9", crossed=np.full_like(gd.crossed, 3))))
    assert any("vanishing" in s for s in failing(with_run(data, "momentum 0.9", outcome=none)))


def test_claims_about_adaptive_rules_can_fail(data):
    adam = data.runs["Adam"]
    assert any("enter through" in s for s in failing(with_run(data, "Adam", crossed=adam.crossed * 2)))
    crossed = np.where(adam.starts[:, None, None] < 0, 3, -1) + 0 * adam.crossed
    assert any("usual lr: those nearer" in s for s in failing(with_run(data, "Adam", crossed=crossed)))
    far = data.later["Adagrad"]
    wide = data.later | {"Adagrad": replace(far, crossed=np.ones_like(far.crossed))}
    assert any("forgets nothing" in s for s in failing(replace(data, later=wide)))
    assert any("their reach grows" in s for s in failing(replace(data, later=wide)))
    rms = data.later["RMSprop"]
    same = data.later | {"RMSprop": replace(rms, single=rms.crossed)}
    assert any("float32" in s for s in failing(replace(data, later=same)))
    delta = data.runs["Adadelta"]
    assert any("Adadelta" in s for s in failing(with_run(data, "Adadelta", crossed=np.full_like(delta.crossed, 9))))


def test_claims_about_noise_and_the_rest_can_fail(data):
    one = data.runs["SGD, batch 1"]
    assert any("chi-square" in s for s in failing(with_run(data, "SGD, batch 1", crossed=np.full_like(one.crossed, 9))))
    assert any("never will" in s for s in failing(with_run(data, "SGD, batch 1", crossed=np.full_like(one.crossed, 9))))
    assert any("settles" in s for s in failing(with_run(data, "SGD, batch 1", outcome=np.zeros_like(one.outcome))))
    assert any("help Adam" in s for s in failing(with_run(data, "Adam, batch 1", crossed=np.full_like(one.crossed, 9))))
    assert any("weight 0" in s for s in failing(with_run(data, "Adam", end=data.runs["Adam"].end + 1e-9)))
    assert any("positive" in s for s in failing(replace(data, one_sided=data.one_sided | {"Adam": -0.9})))
    none = np.zeros_like(one.outcome)
    assert any("start above" in s for s in failing(with_run(data, "Adam", outcome=none)))
    assert any("every rule has an lr" in s for s in failing(with_run(data, "Adam", outcome=none)))
    assert any("train_ensemble" in s for s in failing(replace(data, lab={"Adam": 1e-6})))
