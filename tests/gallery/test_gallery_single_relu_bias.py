"""One ReLU with a bias: golden counts, and every claim fails on numbers that are tampered with."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from trainability.gallery import single_relu_bias as entry
from trainability.theory.one_relu import loss_surface


@pytest.fixture(scope="module")
def result():
    return entry.run(smoke=True)


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


def test_golden_counts(result):
    data = result.data
    assert failing(data) == []
    # made by this entry, 21 x 21 without the origin: by 2000, 10000 and 60000 steps
    assert len(data.grid.weight) == 440
    assert [round(440 * data.grid.share(steps)) for steps in entry.MARKS] == [230, 275, 276]
    assert [p.counts() for p in data.patterns[:4]] == [[48, 0, 0, 0], [0, 15, 33, 0], [15, 0, 33, 0], [0, 48, 0, 0]]


def test_the_grid_of_81_equals_the_independent_program_at_2000_steps():
    grid = entry.plane(*entry.square(81), steps=2000)
    # .525 overall; .489 with w >= 0 > b and .585 with w < 0 <= b: the half axes are counted in.
    assert round(6560 * grid.share(2000)) == 3441
    assert round(grid.share(2000), 3) in (0.524, 0.525)
    assert round(grid.share(2000, (grid.weight >= 0) & (grid.bias < 0)), 3) == 0.489
    assert round(grid.share(2000, (grid.weight < 0) & (grid.bias >= 0)), 3) == 0.585


def test_patterns_end_where_the_flow_does(result):
    # Runge-Kutta on the same gradient, a dozen starts of each kind of mixed signs
    for p in result.data.patterns[1:3]:
        for i in range(12):
            flow = solve_ivp(
                lambda _, at: -2 * loss_surface.gradient(*at), (0, entry.FLOW), p.starts[i], rtol=1e-7, atol=1e-9
            )
            assert (np.sign(flow.y[:, -1][[0, 2]]) == np.sign(p.ends[i][[0, 2]])).all()
            assert 2 * float(loss_surface.loss(*flow.y[:, -1])) == pytest.approx(p.loss[i], abs=2e-4)
            balance = flow.y[2] ** 2 - flow.y[0] ** 2 - flow.y[1] ** 2
            np.testing.assert_allclose(balance, balance[0], atol=1e-4)


def test_each_claim_about_the_plane_can_fail(result):
    data = result.data
    grid, late = data.grid, data.late

    def with_grid(**changes):
        return failing(replace(data, grid=replace(grid, **changes)))

    none = np.full_like(grid.reached, -1)
    assert any("Share of starts" in s for s in with_grid(reached=none))
    assert any("By quadrant" in s for s in with_grid(reached=none))
    assert any("whole quadrant" in s for s in with_grid(reached=none))
    dead = (grid.weight < 0) & (grid.bias < 0)
    assert any("nothing can" in s for s in with_grid(reached=np.where(dead, 5, grid.reached)))
    assert any("circle around" in s for s in with_grid(end_bias=grid.end_bias * np.where(dead, 1.001, 1)))
    assert any("circle around" in s for s in with_grid(loss=grid.loss + 0.01))
    assert any("confidence interval" in s for s in failing(replace(data, random=replace(data.random, reached=none))))
    assert any("critical point" in s for s in failing(replace(data, clock_elbow=(*data.clock_elbow[:-1], -4.5))))
    assert any("critical point" in s for s in failing(replace(data, clock_gradient=0.0)))
    assert any("late" in s for s in failing(replace(data, late=replace(late, end_bias=1.1 * late.end_bias))))
    assert any("late" in s for s in failing(replace(data, late=replace(late, end_weight=-late.end_weight))))


def test_each_claim_about_the_patterns_can_fail(result):
    data = result.data

    def with_pattern(i, **changes):
        made = list(data.patterns)
        made[i] = replace(made[i], **changes)
        return failing(replace(data, patterns=tuple(made)))

    one, two, three = data.patterns[1:4]
    assert any("Outcome by" in s for s in with_pattern(0, loss=np.full(48, 0.0908)))
    assert any("least that those signs" in s for s in with_pattern(2, loss=three.loss * 0 + 0.35))
    assert any("least that those signs" in s for s in with_pattern(3, loss=three.loss - 1e-2))
    assert any("no minimum" in s for s in failing(replace(data, longer=three)))
    assert any("no minimum" in s for s in with_pattern(3, loss=three.loss + 2e-4))
    turned = two.ends * np.array([-1, 1, 1, 1])
    assert any("left-right" in s for s in with_pattern(2, ends=turned))
    up = two.ends.copy()
    up[:, 2] = np.abs(up[:, 2])
    assert any("conserves" in s for s in with_pattern(2, ends=up))
    assert any("smaller lr" in s for s in with_pattern(5, loss=np.zeros(48)))
    same = replace(data, patterns=(*data.patterns[:8], *data.patterns[:4]))
    assert any("tenfold lr" in s for s in failing(same))
    assert one.flipped(2).sum() == 15


def test_the_grid_leaves_out_the_origin():
    w, b = entry.square(5)
    assert len(w) == 24
    assert (w.min(), w.max(), b.min(), b.max()) == (-2, 2, -2, 2)
    assert not ((w == 0) & (b == 0)).any()


def test_the_figure_names_its_axes(result):
    axes = entry.figure(result).axes
    labels = [a.get_xlabel() for a in axes]
    assert labels[:2] == ["weight w", "steps of gradient descent"]
    assert all(a.get_ylabel() for a in (axes[0], axes[1], axes[3]))
    assert math.isclose(axes[1].get_xlim()[1], 10 * entry.STEPS)
