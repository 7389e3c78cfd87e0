"""The fractal boundary: the plain form is the problem's own, limits by another path, golden numbers, claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability import problems
from trainability.gallery import _fractal_boundary_runs as runs
from trainability.gallery import fractal_boundary as entry
from trainability.lab.ensemble import Retire


def plainly(lr0, lr1, steps):
    """Losses of the problem's own module, optimizer and loss, in a loop."""
    setup = problems.get("fractal")(0, lr_hidden=lr0, lr_output=lr1)
    x, y = setup.data
    seen = []
    for _ in range(steps):
        setup.optimizer.zero_grad()
        loss = setup.loss_fn(setup.model(x), y)
        loss.backward()
        setup.optimizer.step()
        seen.append(loss.item())
    return np.array(seen)


def test_colours_are_those_of_the_problem_trained_plainly():
    """Rates on both sides of the border, with and without runs that leave early."""
    rates = [(0.01, 1.0), (1.0, 150.0), (1.0, 400.0), (1e3, 80.0), (1e4, 300.0), (30.0, 1e5)]
    x, y = np.log10(np.array(rates)).T
    codes = runs.Train(runs.problem(), 60, workers=1)(x, y, np.zeros(6, dtype=int))
    early = runs.Train(runs.problem(), 60, retire=Retire(window=20), workers=1)(x, y, np.zeros(6, dtype=int))
    wanted = []
    for lr0, lr1 in rates:
        last = plainly(lr0, lr1, 60)
        share = np.where(np.isfinite(last), last / last[0], 1e6)[-20:]
        wanted.append(runs.CONVERGED if np.minimum(share, 1e6).mean() < 1 else runs.DIVERGED)
    assert codes.tolist() == early.tolist() == wanted
    assert set(wanted) == {runs.CONVERGED, runs.DIVERGED}


def test_golden_numbers():
    """First loss, and the limits of the layers alone, by a separate program with a Hessian from torch.autograd."""
    assert runs.Train(runs.problem()).first_loss == pytest.approx(1.1089732673019141, rel=1e-12)
    assert plainly(1.0, 1.0, 1)[0] == pytest.approx(1.1089732673019141, rel=1e-12)
    limit = runs.stable(9)
    assert 10**limit.last == pytest.approx(210.74611642852028, rel=1e-9)
    assert limit.first == pytest.approx(2.382088533038149, rel=1e-9)


def test_limits_by_other_paths():
    limit, of = runs.stable(49), runs.problem()
    a = torch.tanh(of.x @ of.start["0.weight"].T) / of.width  # the gradient of f in W1
    regression = 2 * a.T @ a / len(a)
    assert 10**limit.last == pytest.approx(2 / torch.linalg.eigvalsh(regression)[-1].item(), rel=1e-10)
    x, y = limit.line
    assert y[0] == pytest.approx(limit.last, abs=1e-4)  # the ends of the line are the layers alone
    assert x[-1] == pytest.approx(limit.first, abs=1e-4)
    assert not limit.holds(x + 0.01, y + 0.01).any()
    assert limit.holds(x - 0.01, y - 0.01).all()


def test_slopes_and_interval_of_known_shapes():
    angle = np.linspace(0, 1, 160)
    disc = (angle - 0.5) ** 2 + (angle[:, None] - 0.5) ** 2 < 0.1
    assert entry.slopes(disc) == pytest.approx([1, 1, 1], abs=0.08)
    dust = np.random.default_rng(0).random((160, 160)) < 0.5
    assert entry.slopes(dust)[0] > 1.8
    assert entry.median_interval(np.array([3.0, 1.0, 2.0])) == (2.0, 1.0, 3.0)
    # 500 medians of 9 draws: the interval from the 2nd to the 8th holds the median with 96.1%; fails below 92%, < 1e-4
    draws = np.random.default_rng(1).normal(size=(500, 9))
    inside = [low < 0 < high for _, low, high in map(entry.median_interval, draws)]
    assert np.mean(inside) > 0.92


def test_claims_hold_and_can_fail():
    result = entry.run(smoke=True)
    data = result.data
    assert result.holds, [c for c in result.claims if not c.holds]
    assert len(data.pictures) == 3
    ratio = np.ptp(data.pictures[1].x) / np.ptp(data.pictures[2].x)
    assert ratio == pytest.approx(entry.FACTOR)

    def failing(**changes):
        return [c.says for c in entry.claims(replace(data, **changes)) if not c.holds]

    whole, *inner = data.pictures
    x, y = np.meshgrid(whole.x, whole.y)
    line = [replace(p, converged=np.meshgrid(p.x, p.y)[1] < p.y.mean()) for p in inner]
    dust = [replace(p, converged=np.random.default_rng(3).random(p.converged.shape) < 0.5) for p in inner]
    nothing = replace(whole, converged=(x < data.limit.first) & (y < data.limit.last))
    assert any("Refinement" in s for s in failing(differ=data.checked // 5))
    assert any("held still" in s for s in failing(crossing=tuple(c + 0.02 for c in data.crossing)))
    assert any("Below the line" in s for s in failing(pictures=(replace(whole, converged=~whole.converged), *inner)))
    assert any("That line ends" in s for s in failing(pictures=(nothing, *inner)))
    straight = failing(pictures=(whole, *line))
    assert any("no line" in s for s in straight)
    assert any("between 1 and 2" in s for s in straight)
    assert any("source's range" in s for s in straight)
    assert (
        any("source's range" in s for s in failing(pictures=(whole, *dust)))
        or entry.slopes(dust[0].converged)[0] < 1.98
    )
    assert len(entry.figure(result).axes) == 4
