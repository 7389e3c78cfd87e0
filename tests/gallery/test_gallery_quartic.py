"""The entry on x⁴: golden numbers by hand, and that each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import quartic as entry


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def result():
    return entry.run(smoke=True)


def test_it_holds_and_draws(result):
    assert result.holds, [c for c in result.claims if not c.holds]
    assert len(entry.figure(result).axes) == 3


def test_the_run_is_the_recursion():
    """x <- x - 4 lr x³ by hand: 1 -> 1 - 0.5 -> 0.5 - 0.0625."""
    assert entry.descend(np.array([1.0]), np.array([0.125]), 2)[:, 0].tolist() == [1.0, 0.5, 0.4375]
    assert entry.descend(np.array([1.0, 0.5]), np.array([0.125, 2.0]), 3, np.array([1, 3])).tolist() == [
        [0.5, -0.5],
        [0.4375 - 0.5 * 0.4375**3, -0.5],
    ]


def test_kinds_on_both_sides_of_each_line():
    u = np.array([1e-5, 0.999, 1.001, 1.999999, 2.000001, 100.0])
    expected = [entry.CREEPS] * 2 + [entry.OVERSHOOTS] * 2 + [entry.DIVERGES] * 2
    assert entry.kinds(np.full(6, 3.0), u / 36, 60).tolist() == expected
    assert entry.kinds(np.array([1.0]), np.array([0.5]), 60).tolist() == [entry.UNDECIDED]


def test_the_three_counterexamples():
    steps, most, ends = zip(*(entry.example(*pair) for pair in entry.EXAMPLES), strict=True)
    assert steps[:2] == pytest.approx((0.8192, 16.0))
    assert not ends[0] < 1e3
    assert ends[1] == pytest.approx(1 / np.sqrt(8 * 0.004 * 2000), rel=0.01)
    assert (steps[2], most[2], ends[2]) == (0.5, 0.5, 0.25)


def test_claims_can_fail(result):
    data = result.data
    kinds = data.kinds.copy()
    kinds[0, 0] = entry.DIVERGES
    assert any("below 1 it keeps its sign" in s for s in failing(replace(data, kinds=kinds)))
    assert any("The largest lr" in s for s in failing(replace(data, edges=data.edges * 1.001)))
    worse = tuple((x, lr, 1e-16, n) for x, lr, _, n in data.flips)
    assert any("flips between" in s for s in failing(replace(data, flips=worse)))
    assert any("repels" in s for s in failing(replace(data, repelled=4.9)))
    assert any("slower than" in s for s in failing(replace(data, late=data.late * 1.01)))
    bent = data.late * (1 + 1e-3 * (data.late_times[:, None] > 5000))
    assert any("3/2" in s for s in failing(replace(data, late=bent)))
    one, two, three = data.examples
    assert any("not sufficient" in s for s in failing(replace(data, examples=((0.8, 1.0, 0.1), two, three))))
    assert any("necessary" in s for s in failing(replace(data, examples=(one, (16.0, 16.0, np.nan), three))))
    assert any("whole path" in s for s in failing(replace(data, examples=(one, two, (0.5, 0.5, 0.01)))))
    assert any("judges wrongly" in s for s in failing(replace(data, kinds=np.zeros_like(data.kinds))))
