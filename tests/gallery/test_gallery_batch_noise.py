"""The entry on batch noise: the recursion against every possible sequence of batches, and claims that can fail."""

from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import pytest

from trainability.gallery import batch_noise as entry
from trainability.gallery._batch_noise_runs import FRESH, REPLACED, SHUFFLED, batches
from trainability.gallery._batch_noise_theory import LeastSquares, share


def failing(data):
    return [c.says for c in entry.claims(data) if not c.holds]


@pytest.fixture(scope="module")
def result():
    return entry.run(smoke=True)


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    return LeastSquares(rng.normal(size=(4, 2)), rng.normal(size=4))


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_recursion_is_the_mean_over_all_sequences_of_batches(small, m, replacement):
    rows = list(product(range(4), repeat=m) if replacement else combinations(range(4), m))
    start, lrs = np.array([1.0, -2.0]), np.array([0.3, 0.1])
    total = 0.0
    for sequence in product(rows, repeat=2):
        w = start
        for chosen, lr in zip(sequence, lrs, strict=True):
            x, y = small.X[list(chosen)], small.y[list(chosen)]
            w = w - lr * x.T @ (x @ w - y) / m
        e = w - small.solution
        total += e @ small.H @ e / 2
    told = small.expected(start, lrs, share(m, 4, replacement))[-1]
    assert told == pytest.approx(total / len(rows) ** 2, rel=1e-12)


def test_the_floor_is_where_the_recursion_ends_and_the_limit_where_it_grows(small):
    f = share(1, 4, True)
    top = small.limit(f)
    lr = 0.7 * top
    assert small.expected(small.solution + 1, np.full(3000, lr), f)[-1] == pytest.approx(small.floor(lr, f), rel=1e-9)
    radius = [np.abs(np.linalg.eigvals(small.transition(c * top, f))).max() for c in (0.999, 1.0, 1.001)]
    assert radius[0] < 1 < radius[2]
    assert radius[1] == pytest.approx(1, abs=1e-12)
    assert small.floor(top, f) == np.inf
    assert small.floor(1e-6, f) == pytest.approx(small.small_lr_floor(1e-6, f), rel=1e-4)
    assert small.limit(0.0) == pytest.approx(2 / small.sharpness)


def test_in_one_dimension_the_limit_is_that_of_the_fourth_moment():
    """E (1 - lr x²)² = 1 at lr = 2 E x² / E x⁴."""
    x = np.array([[1.0], [2.0], [-0.5]])
    assert LeastSquares(x, np.ones(3)).limit(1.0) == pytest.approx(2 * np.mean(x**2) / np.mean(x**4))


@pytest.mark.parametrize("m", [1, 2])
def test_the_law_of_shuffled_epochs_is_that_of_partial_sums_over_all_orders(small, m):
    gradients = -small.X * small.residuals[:, None]
    total, count = np.zeros((2, 2)), 0
    for order in permutations(range(4)):
        means = gradients[list(order)].reshape(4 // m, m, 2).mean(axis=1)
        for partial in np.cumsum(means, axis=0):
            total += np.outer(partial, partial)
            count += 1
    told = 0.01**2 * np.trace(small.H @ total / count) / 2
    assert small.shuffled_floor(0.01, m) == pytest.approx(told, rel=1e-12)


def test_rows_are_drawn_as_said():
    rng = np.random.default_rng(1)
    epoch = np.concatenate(list(batches(SHUFFLED, 6, 2, 5, 3, rng)), axis=1)
    assert (np.sort(epoch, axis=1) == np.arange(6)).all()
    (fresh,) = batches(FRESH, 6, 5, 50, 1, rng)
    assert all(len(set(rows)) == 5 for rows in fresh.tolist())
    (drawn,) = batches(REPLACED, 6, 5, 50, 1, rng)
    assert any(len(set(rows)) < 5 for rows in drawn.tolist())


def test_it_holds_and_draws(result):
    assert result.holds, [c for c in result.claims if not c.holds]
    assert len(entry.figure(result).axes) == 4


def test_claims_can_fail(result):
    data = result.data
    assert any("guaranteed" in s for s in failing(replace(data, edge=(0.98, 0.99))))
    batch, middle, single = data.curves
    off = replace(single, seen=single.seen + 6 * single.error)
    assert any("exact recursion" in s for s in failing(replace(data, curves=(batch, middle, off))))
    low = replace(single, seen=0 * single.seen)
    assert any("stay at a floor" in s for s in failing(replace(data, curves=(batch, middle, low))))
    doubled = tuple(replace(f, seen=2 * f.seen) for f in data.floors)
    says = failing(replace(data, floors=doubled))
    assert any("fixed point" in s for s in says)
    assert any("doubling the batch" in s for s in says)
    assert any("half of batch 1" in s for s in says)
    same = tuple(replace(f, seen=2 * f.seen) for f in data.schemes)
    assert any("without replacement" in s for s in failing(replace(data, schemes=same)))
    high = tuple(replace(f, seen=8e-3) if f.scheme == SHUFFLED else f for f in data.schemes)
    assert any("training" in s for s in failing(replace(data, schemes=high)))
    flat = tuple(replace(f, seen=data.shuffled[0].seen) for f in data.shuffled)
    assert any("like lr²" in s for s in failing(replace(data, shuffled=flat)))
    stuck = replace(data.decayed, seen=data.decayed.seen + 0.01)
    assert any("falling lr" in s for s in failing(replace(data, decayed=stuck)))
    wider = tuple(replace(x, seen=2 / data.sharpness) for x in data.limits)
    assert any("mean square is stable" in s for s in failing(replace(data, limits=wider)))
    assert any("blow up" in s for s in failing(replace(data, blown=(199, 200, 1e-9))))
