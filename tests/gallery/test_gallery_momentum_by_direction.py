"""The entry on momentum by direction: golden numbers, measurements by another path, and claims that can fail."""

from dataclasses import replace

import numpy as np
import pytest

from trainability.gallery import momentum_by_direction as entry


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def result():
    return entry.run(smoke=True)


def test_it_holds_and_draws(result):
    assert result.holds, [c for c in result.claims if not c.holds]
    assert len(entry.figure(result).axes) == 6


def test_rates_at_the_optimum(result):
    """Polyak's and gradient descent's rates; by an independent program."""
    best = result.data.best
    assert [best[k][entry.MOMENTUM].rates.max() for k in entry.KAPPAS] == pytest.approx(
        [0.519494, 0.818182, 0.980198], abs=2e-5
    )
    assert [best[k][entry.DESCENT].rates.max() for k in (10.0, 100.0)] == pytest.approx([0.818182, 0.980198], abs=2e-6)


def test_one_step_of_both_forms():
    difference, ours, theirs = entry.against_torch()
    assert (ours, theirs) == pytest.approx((2.727, 0.27), abs=1e-12)
    assert difference < 1e-12


@pytest.mark.parametrize(
    ("roots", "memory"), [([0.9], 1), ([0.95, 0.4], 2), ([0.8 + 0.3j, 0.8 - 0.3j], 2), ([-0.7], 1)]
)
def test_rate_reads_the_largest_root_of_a_made_path(roots, memory):
    t = np.arange(400)
    path = np.real(sum(np.array(r, dtype=complex) ** t for r in roots)) / len(roots)
    assert entry.rate(path, memory) == pytest.approx(max(abs(r) for r in roots), abs=1e-8)


def test_settled_counts_by_hand(result):
    run = replace(
        result.data.shown[entry.DESCENT], sharpness=np.array([1.0]), paths=np.array([[1.0], [1e-4], [2e-3], [1e-4]])
    )
    assert run.settled().tolist() == [3.0]


def test_the_flat_spread_of_plain_noise():
    """lr sqrt(t) without averaging; with it, the sum of squares of 1 - (1 - B)^k."""
    assert entry.flat_spread(1.0) == pytest.approx(2.0)
    by_hand = 0.1 * sum((1 - 0.95**k) ** 2 for k in range(1, 401)) ** 0.5
    assert entry.flat_spread(0.05) == pytest.approx(by_hand)


def test_claims_can_fail(result):
    data = result.data
    gd, ball = data.shown[entry.DESCENT], data.shown[entry.MOMENTUM]

    def shown(**changes):
        return replace(data, shown={entry.DESCENT: gd, entry.MOMENTUM: replace(ball, **changes)})

    bent = ball.paths.copy()
    bent[5:, 0] *= 1.01
    assert any("moves by itself" in s for s in failing(shown(paths=bent)))
    assert any("spectral radius" in s for s in failing(shown(rates=ball.rates * 1.001)))
    assert any("equally fast" in s for s in failing(shown(rates=ball.rates * np.linspace(1, 1.01, len(ball.rates)))))
    assert any("Steps until" in s for s in failing(shown(paths=np.repeat(ball.paths, 2, axis=0)[:1001])))
    assert any("first moves away" in s for s in failing(shown(paths=ball.paths.clip(-1, 1))))
    moved = ball.paths.copy()
    moved[-1, -1] += 1e-3
    assert any("irrelevant" in s for s in failing(shown(paths=moved)))
    assert entry.one_filter(replace(ball, weight=ball.weight * 1.01)) > 1e-3
    assert any("of its own" in s for s in failing(replace(data, same_filter=1e-3)))
    slow = {k: {n: replace(r, rates=r.rates**0.99) for n, r in pair.items()} for k, pair in data.best.items()}
    says = failing(replace(data, best=slow))
    assert any("sqrt k" in s for s in says)
    assert any("(k - 1)/(k + 1)" in s for s in says)
    assert any("As a filter" in s for s in failing(replace(data, lags=data.lags + 1e-3)))
    assert any("preserved" in s for s in failing(replace(data, edges=(2.0, 36.0))))
    assert any("averaging does not help" in s for s in failing(replace(data, flat=(2.0, 0.3, 2000))))
    assert any("dampening" in s for s in failing(replace(data, mapping=1e-3)))
