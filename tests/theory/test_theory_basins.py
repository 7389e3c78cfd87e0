"""Basin maps: what each start reaches, how mixed the map is, and where its boundary runs."""

import math

import numpy as np
import pytest

from trainability import theory
from trainability.theory import basins, wilson
from trainability.theory.descent import OUTCOMES

PLANE = basins.Slice(np.zeros((2, 2)), np.eye(2), np.eye(2)[::-1], (0.05, 1.05), (0.05, 1.05), (20, 20))


def test_the_diagonal_separates_a_teacher_from_its_permutation():
    made = basins.basin_map(PLANE, np.eye(2), lr=0.5, permutations=False)
    s, t = made.slice.axes
    across = t[:, None] > s[None, :] if made.labels.shape == (len(t), len(s)) else t[None, :] > s[:, None]
    off = ~np.eye(20, dtype=bool)
    assert len(set(made.labels[across & off])) == 1
    assert len(set(made.labels[~across & off])) == 1
    assert made.labels[0, -1] != made.labels[-1, 0]
    # Both arrangements of the teacher, and the saddle that the diagonal itself runs to (Tian 2017, Theorem 7, K = 2).
    assert np.abs(made.losses[:2]).max() < 1e-15
    assert made.losses[2] == pytest.approx(0.0885119366, abs=1e-9)


def test_up_to_permutation_there_is_one_basin():
    made = basins.basin_map(PLANE, np.eye(2), lr=0.5, known=np.eye(2)[None])
    assert set(made.labels[~np.eye(20, dtype=bool)].tolist()) == {0}


def test_a_map_is_descent_from_every_start():
    made = basins.basin_map(PLANE, np.eye(2), lr=0.3, permutations=False)
    starts = made.slice.starts()
    out = theory.descend(starts, np.eye(2), lr=0.3, tol=1e-9, max_steps=100_000)
    assert (made.steps.ravel() == out.steps.ravel()).all()
    converged = out.outcome.ravel() == OUTCOMES.index("converged")
    ends = made.points[made.labels.ravel()[converged]]
    assert np.abs(ends - out.W.reshape(-1, 2, 2)[converged]).max() < 1e-3


def test_shares_come_with_wilson_intervals():
    labels = np.array([[0, 0, 1], [0, 1, -1]])
    found = {s.label: s for s in basins.shares(labels)}
    assert {k: s.count for k, s in found.items()} == {-1: 1, 0: 3, 1: 2}
    assert (found[0].low, found[0].high) == pytest.approx(wilson.interval(3, 6))


def test_basin_entropy_of_known_maps():
    half = np.zeros((10, 10), int)
    half[:, 5:] = 1
    aligned = basins.basin_entropy(half, box=5)
    assert (aligned.total, aligned.boundary_boxes) == (0.0, 0)
    assert math.isnan(aligned.boundary)
    noise = np.indices((10, 10)).sum(0) % 2
    mixed = basins.basin_entropy(noise, box=2)
    assert mixed.total == mixed.boundary == pytest.approx(math.log(2))


def test_the_uncertainty_exponent_of_a_cantor_boundary():
    # The middle-thirds set has dimension log 2 / log 3, so the exponent is 1 - that.
    x = (np.arange(3**9) + 0.5) / 3**9
    inside = np.ones(len(x), dtype=bool)
    gap = np.zeros(len(x), dtype=int)
    rest = x.copy()
    for level in range(9):
        rest = rest * 3
        digit = np.floor(rest)
        rest -= digit
        hit = inside & (digit == 1)
        gap[hit] = level + 1
        inside &= digit != 1
    found = basins.uncertainty_exponent(np.tile(gap, (2, 1)), cells=(3, 9, 27, 81, 243))
    assert found.exponent == pytest.approx(1 - math.log(2) / math.log(3), abs=0.05)


def test_the_separatrix_is_the_diagonal():
    made = basins.basin_map(PLANE, np.eye(2), lr=0.5, permutations=False)
    found = basins.separatrix(made, halvings=6)
    assert np.abs(found.points[:, 0] - found.points[:, 1]).max() <= 2 * found.accuracy
