"""The refinement alone, against dense evaluation of shapes that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainability.lab.phase import OUTCOMES, explore
from trainability.measures.outcome import outcome
from trainability.theory.wilson import interval

TRAINED = OUTCOMES.index("trained")


def dense(f, x, y):
    up, across = np.meshgrid(y, x, indexing="ij")
    return np.asarray(f(across.ravel(), up.ravel(), np.zeros(across.size, int))).reshape(across.shape)


def disc(x, y, seed):
    return TRAINED * (x * x + y * y < 0.5)


def newton(x, y, seed):
    """Which root of z^3 = 1 Newton's iteration reaches: basins with a fractal boundary."""
    z = x + 1j * y
    for _ in range(30):
        z = z - (z**3 - 1) / (3 * z * z + 1e-300)
    return np.abs(z[:, None] - np.exp(2j * np.pi * np.arange(3) / 3)).argmin(1)


def mandelbrot(x, y, seed):
    c = x + 1j * y
    z, inside = np.zeros_like(c), np.ones(len(c), bool)
    for _ in range(60):
        z = np.where(inside, z * z + c, z)
        inside &= np.abs(z) < 2
    return TRAINED * inside


class Counting:
    """An evaluate that refuses to be asked twice and remembers its batches."""

    def __init__(self, f):
        self.f, self.asked, self.batches = f, set(), 0

    def __call__(self, x, y, seed):
        assert len(x) == len(y) == len(seed) > 0
        runs = set(zip(x.tolist(), y.tolist(), seed.tolist(), strict=True))
        assert len(runs) == len(x)
        assert not runs & self.asked, "a run is made once"
        self.asked |= runs
        self.batches += 1
        return self.f(x, y, seed)


def test_codes_are_the_places_of_the_outcomes():
    assert OUTCOMES[TRAINED] == outcome([1.0, 0.1], 1.0, 1.0)
    assert OUTCOMES[0] == outcome([1.0, np.inf], 1.0, 1.0)


@pytest.mark.parametrize(
    ("f", "by", "differ", "most"),
    [(disc, "success", 0.0, 0.04), (newton, "outcome", 0.0, 0.15), (mandelbrot, "success", 0.001, 0.08)],
)
@pytest.mark.parametrize("coarse", [9, 17])
def test_equals_dense_evaluation_at_a_fraction_of_it(f, by, differ, most, coarse):
    x, y = np.linspace(-1.53, 1.47, 257), np.linspace(-1.5, 1.5, 257)
    counting = Counting(f)
    found = explore(counting, x, y, coarse=coarse, by=by)
    assert (found.outcome != dense(f, x, y)).mean() <= differ
    assert found.evaluated.mean() < most
    assert found.runs == len(counting.asked) == found.evaluated.sum()
    assert found.complete


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(-1, 1), st.integers(2, 40), st.integers(2, 40), st.integers(2, 9))
def test_a_half_plane_is_exact_on_any_grid(angle, shift, nx, ny, coarse):
    # A half plane that holds any point of a grid holds a corner of it, and the corners are always evaluated.
    def f(x, y, seed):
        return TRAINED * (np.cos(angle) * x + np.sin(angle) * y > shift)

    x, y = np.linspace(-1, 1, nx), np.linspace(-1, 1, ny)
    found = explore(f, x, y, coarse=coarse)
    assert (found.outcome == dense(f, x, y)).all()


def test_every_cell_beside_a_change_was_evaluated():
    x = np.linspace(-1.5, 1.5, 100)
    found = explore(newton, x, x, coarse=5, by="outcome")
    kinds = found.outcome
    for axis in (0, 1):
        change = np.diff(kinds, axis=axis) != 0
        one = np.delete(found.evaluated, -1, axis)
        two = np.delete(found.evaluated, 0, axis)
        assert (one & two)[change].all()


def test_an_island_between_the_coarse_points_is_not_seen_and_one_on_a_point_is():
    x = np.arange(65.0)

    def island(at):
        return lambda x, y, seed: TRAINED * (np.maximum(abs(x - at), abs(y - at)) <= 2)

    assert explore(island(20), x, x, coarse=9).succeeds.sum() == 0
    assert explore(island(16), x, x, coarse=9).succeeds.sum() == 25


def test_a_thin_bridge_is_followed():
    x = np.arange(129.0)

    def bridge(x, y, seed):
        wide = (x < 20) | (x > 100)
        return TRAINED * (wide | (y == np.round(60 + 6 * np.sin(x / 9))))

    found = explore(bridge, x, x, coarse=5)
    assert (found.outcome == dense(bridge, x, x)).all()


def test_one_axis():
    found = explore(lambda x, y, seed: TRAINED * (x < 0.377), np.linspace(0, 1, 1001), coarse=3)
    assert found.shape == (1, 1001)
    assert found.succeeds[0].sum() == 377
    assert found.evaluated.sum() < 30


def coin(x, y, seed):
    """Succeeds with a probability of x, by a rule of x, y and seed."""
    return TRAINED * (np.modf(np.abs(np.sin(x * 12.9898 + y * 78.233 + seed * 37.719)) * 43758.5453)[0] < x)


def test_more_seeds_where_the_interval_contains_a_threshold():
    x = np.linspace(0.0, 1.0, 9)
    counting = Counting(coin)
    found = explore(counting, x, x, coarse=9, seeds=4, most_seeds=32)
    assert set(np.unique(found.counts)) <= {4, 8, 16, 32}
    assert set(np.unique(found.counts)) > {4}
    assert found.runs == len(counting.asked)
    for i in range(9):
        for j in range(9):
            n, k = found.counts[i, j], round(found.share[i, j] * found.counts[i, j])
            assert k == (coin(np.full(n, x[j]), np.full(n, x[i]), np.arange(n)) == TRAINED).sum()
            assert (found.low[i, j], found.high[i, j]) == interval(k, int(n))
            assert (found.low[i, j] < 0.5 < found.high[i, j]) == found.undecided[i, j]
            assert n == 32 or not found.undecided[i, j]
    assert (found.counts[:, 0] == 4).all(), "where no run succeeds four seeds are enough"
    assert found.outcome_shares.sum(-1) == pytest.approx(1)


def test_filled_cells_show_a_trained_cell_of_their_class():
    x = np.linspace(0.0, 1.0, 33)
    found = explore(coin, x, x, coarse=5, seeds=4)
    assert (found.counts[found.evaluated] == 4).all()
    assert (found.counts[~found.evaluated] == 0).all()
    flat = found.source.ravel()
    assert found.evaluated.ravel()[flat].all()
    assert (found.share.ravel() == found.share.ravel()[flat]).all()
    assert np.array_equal(found.succeeds, found.classes == 1)


def test_a_budget_ends_the_exploration_and_the_map_is_whole():
    x = np.linspace(-1, 1, 65)
    for most in (1, 50, 81, 100, 200):
        counting = Counting(disc)
        found = explore(counting, x, x, coarse=9, max_runs=most)
        assert len(counting.asked) == found.runs == most
        assert not found.complete
        assert (found.source >= 0).all()
    full = explore(disc, x, x, coarse=9)
    enough = explore(disc, x, x, coarse=9, max_runs=full.runs + 1)
    assert enough.complete
    assert np.array_equal(enough.codes, full.codes)


def test_known_runs_are_not_made_again_and_count():
    x = np.linspace(-1, 1, 65)
    first = explore(disc, x, x)
    counting = Counting(disc)
    again = explore(counting, x, x, known=first.codes)
    assert not counting.asked
    assert np.array_equal(again.codes, first.codes)
    half = first.codes.copy()
    half[:30] = -1
    rest = explore(counting, x, x, known=half)
    assert len(counting.asked) == (first.codes[:30] >= 0).sum()
    assert np.array_equal(rest.outcome, first.outcome)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 0}, "seeds=0"),
        ({"seeds": 4, "most_seeds": 2}, "most_seeds=2"),
        ({"coarse": 1}, "coarse"),
        ({"thresholds": (0.0,)}, "thresholds"),
        ({"by": "loss"}, "by"),
        ({"max_runs": 0}, "max_runs"),
        ({"confidence": 1.0}, "confidence"),
        ({"known": np.zeros((2, 2, 1))}, "known"),
    ],
)
def test_bad_arguments(change, words):
    with pytest.raises(ValueError, match=words):
        explore(disc, np.arange(5.0), np.arange(5.0), **change)


@pytest.mark.parametrize("answer", [np.zeros(3, int), np.full(25, 0.5), np.full(25, -1)])
def test_an_evaluate_that_answers_something_else(answer):
    with pytest.raises(ValueError, match="evaluate gave"):
        explore(lambda x, y, seed: answer, np.arange(5.0), np.arange(5.0))


def test_axes_that_are_no_numbers():
    with pytest.raises(ValueError, match="x: given"):
        explore(disc, np.array([0.0, np.nan]), np.arange(5.0))
