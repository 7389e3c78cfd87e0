"""The entry on lr and momentum: its measurements on maps with known roots, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainability.gallery import lr_momentum as entry
from trainability.optimizers import SGD, Momentum


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def result():
    return entry.run(smoke=True)


def test_it_holds_and_draws(result):
    assert result.holds, [c for c in result.claims if not c.holds]
    assert len(entry.figure(result).axes) == 4  # with the colour bar


def test_growth_of_gradient_descent_is_one_minus_lr():
    lr = torch.tensor([0.1, 0.9, 1.5, 2.5], dtype=torch.float64)
    factor, changes = entry.growth(SGD(lr=lr), np.ones(4), 100)
    assert factor == pytest.approx([0.9, 0.1, 0.5, 1.5], abs=1e-9)
    assert changes.tolist() == [0, 0, 200, 200]


def test_growth_of_swinging_runs_is_the_root_of_the_momentum():
    """Also far above 1, where 800 steps overflow unless the state is scaled."""
    rule = Momentum(
        lr=torch.tensor([0.5, 9.0], dtype=torch.float64), momentum=torch.tensor([0.81, 0.5], dtype=torch.float64)
    )
    factor, changes = entry.growth(rule, np.ones(2), 400)
    trace = 1.5 - 9.0
    assert factor == pytest.approx([0.9, -trace / 2 + np.sqrt(trace**2 / 4 - 0.5)], rel=3e-3)
    assert changes[0] > 100


def test_search_finds_where_a_condition_begins():
    ends = np.array([0.123, 7.0])
    assert entry.search(lambda x: x > ends, np.zeros(2), np.full(2, 10.0), 6) == pytest.approx(ends, abs=1e-5)


def test_limits_and_optima_are_those_of_the_papers():
    ball, nesterov, low = entry.KINDS.values()
    b = np.array([0.0, 0.9])
    assert ball.limit(b) == pytest.approx([2, 3.8])
    assert nesterov.limit(b) == pytest.approx([2, 3.8 / 2.8])
    assert low.limit(b) == pytest.approx([2, 38])
    assert ball.critical(np.array([0.04])) == pytest.approx([0.64])
    assert [kind.best(100.0)[2] for kind in (ball, low)] == pytest.approx([0.818182, 0.818182], abs=1e-6)
    assert nesterov.best(100.0)[2] == pytest.approx(1 - 2 / 301**0.5)


def test_claims_can_fail(result):
    data = result.data

    def plane(name, **changes):
        return replace(data, planes=data.planes | {name: replace(data.planes[name], **changes)})

    for name, seen in data.planes.items():
        assert any("stable lr" in s for s in failing(plane(name, edges=seen.edges * 1.001)))
        flipped = seen.growth.copy()
        flipped[0, 0] = 1.1
        assert any("shrink" in s for s in failing(plane(name, growth=flipped)))
        assert any("factor per step" in s for s in failing(plane(name, growth=seen.growth + 0.01)))
        assert any("swing" in s for s in failing(plane(name, damping=seen.damping + 0.01)))
        other = {k: (lr * 1.6, kept, rate) for k, (lr, kept, rate) in seen.best.items()}
        assert any("the best lr" in s for s in failing(plane(name, best=other)))
        faster = {k: (lr, kept, rate - 0.2) for k, (lr, kept, rate) in seen.best.items()}
        assert any("the best lr" in s for s in failing(plane(name, best=faster)))
    assert any("is heavy ball with" in s for s in failing(replace(data, twin=1e-3)))
    assert any("is a sum" in s for s in failing(replace(data, buffers=(1.0, 1.0, 1.0))))
