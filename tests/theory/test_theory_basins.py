"""Basin maps: what each start reaches, how mixed the map is, and where its boundary runs."""

import math

import numpy as np
import pytest

from trainability import theory
from trainability.theory import basins, wilson
from trainability.theory.basins.separatrix import between
from trainability.theory.descent import OUTCOMES
from trainability.theory.families import flipped

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


def disc(shape, radius=0.7, centre=(0.03, -0.04)):
    """A disc in [-1, 1]²: labels, coordinates, and the label anywhere."""
    s, t = ((np.arange(n) + 0.5) / n * 2 - 1 for n in shape)

    def label(p):
        return (np.hypot(p[:, 0] - centre[0], p[:, 1] - centre[1]) < radius).astype(int)

    grid = np.stack(np.meshgrid(s, t), -1)
    return label(grid.reshape(-1, 2)).reshape(grid.shape[:2]), s, t, label


def test_the_separatrix_of_a_disc_is_its_circle():
    labels, s, t, label = disc((60, 50))
    found = between(labels, s, t, label, halvings=20)
    assert np.abs(np.hypot(found.points[:, 0] - 0.03, found.points[:, 1] + 0.04) - 0.7).max() < 1e-6
    assert found.length == pytest.approx(2 * np.pi * 0.7, rel=1e-3)
    # A closed line: every point ends two pieces.
    _, times = np.unique(found.segments.reshape(-1, 2), axis=0, return_counts=True)
    assert (times == 2).all()
    assert (label(found.sides[:, 0]) != label(found.sides[:, 1])).all()


def test_three_basins_meet_in_a_point():
    def label(p):
        return np.floor((np.arctan2(p[:, 1], p[:, 0]) + np.pi) / (2 * np.pi / 3)).astype(int) % 3

    s = (np.arange(40) + 0.5) / 20 - 1
    grid = np.stack(np.meshgrid(s, s), -1)
    found = between(label(grid.reshape(-1, 2)).reshape(40, 40), s, s, label, halvings=20)
    assert {tuple(sorted(p)) for p in found.between.tolist()} == {(0, 1), (0, 2), (1, 2)}
    ends, times = np.unique(found.segments.reshape(-1, 2).round(12), axis=0, return_counts=True)
    assert np.hypot(*ends[times == 3].T).max() < 0.05


def test_what_a_smooth_boundary_predicts_is_what_a_disc_shows():
    labels, s, t, label = disc((600, 500))
    line = between(labels, s, t, label, halvings=12)
    step = (s[1] - s[0], t[1] - t[0])
    seen = basins.basin_entropy(labels, box=5)
    told = basins.smooth_entropy(line.segments, step, 5, seen.boxes)
    # About 300 boxes lie on the circle; their entropies scatter by 0.2, so that the mean is known to some 3%.
    assert seen.total == pytest.approx(told.total, rel=0.08)
    assert seen.boundary == pytest.approx(told.boundary, rel=0.08)
    ratio = []
    for centre in np.random.default_rng(4).uniform(-0.1, 0.1, (12, 2)):
        labels, _, _, _ = disc((600, 500), centre=centre)
        ratio.append(basins.basin_entropy(labels, box=5).total / told.total)
    assert np.mean(ratio) == pytest.approx(1, abs=0.02)
    measured = basins.uncertainty_exponent(labels, spacing=step[0])
    share = basins.uncertain_share(line.segments, measured.distance, (-1.0 + 8 * step[0], 1.0 - 8 * step[0]), (-1, 1))
    assert measured.uncertain == pytest.approx(share, rel=0.03)
    low, high = measured.interval()
    assert low - 0.01 < 1 < high + 0.01
    assert basins.box_counting(labels).dimension == pytest.approx(1, abs=0.03)


def test_smooth_entropy_against_random_lines():
    # 4000 random lines through one box of 4 by 4 starts: mean entropy, to 4 standard errors.
    rng = np.random.default_rng(0)
    centre = (np.arange(4) + 0.5) / 4 - 0.5
    starts = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)
    for angle in (0.1, 0.7, 1.3):
        offset = rng.uniform(-0.8, 0.8, 4000)
        p = ((starts @ [-np.sin(angle), np.cos(angle)])[None] > offset[:, None]).mean(1)
        entropy = -np.where(p > 0, p * np.log(np.maximum(p, 1e-9)), 0)
        entropy -= np.where(p < 1, (1 - p) * np.log(np.maximum(1 - p, 1e-9)), 0)
        piece = [[[0.0, 0.0], [4 * np.cos(angle), 4 * np.sin(angle)]]]  # of length 1 in boxes
        told = basins.smooth_entropy(piece, (1.0, 1.0), 4, 1).total
        assert abs(1.6 * entropy.mean() - told) < 4 * 1.6 * entropy.std() / math.sqrt(4000)


def test_box_counting_of_known_sets():
    x = (np.arange(3**7) + 0.5) / 3**7
    inside, rest, gap = np.ones(len(x), bool), x.copy(), np.zeros(len(x), int)
    for level in range(7):
        digit = np.floor(rest * 3)
        rest = rest * 3 - digit
        gap[inside & (digit == 1)] = level + 1
        inside &= digit != 1
    cantor = basins.box_counting(np.tile(gap, (200, 1)), cells=(3, 9, 27, 81))
    assert cantor.dimension == pytest.approx(1 + math.log(2) / math.log(3), abs=0.05)
    noise = np.random.default_rng(1).integers(0, 2, (200, 200))
    assert basins.box_counting(noise, cells=(4, 8, 12)).dimension == pytest.approx(2, abs=1e-3)
    assert math.isnan(basins.box_counting(np.zeros((40, 40), int)).dimension)


def test_starts_at_zero_have_no_label_and_random_ones_lie_in_the_plane():
    plane = basins.Slice([[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]], (-1, 1), (-1, 1), (3, 3))
    made = basins.basin_map(plane, [[1.0, 0.0]], lr=1.0)
    assert made.labels[1, 1] == -1
    assert (made.times == made.steps).all()
    drawn = plane.random(500, np.random.default_rng(0))
    st, far = plane.coordinates(drawn)
    assert far.max() < 1e-12
    assert np.abs(st).max() <= 1
    assert np.abs(st.mean(0)).max() < 4 / math.sqrt(3 * 500)


def test_a_plane_through_three_networks_holds_them():
    points = np.random.default_rng(3).normal(size=(3, 4, 5))
    plane = basins.Slice.through(*points, margin=0.5)
    st, far = plane.coordinates(points)
    assert far.max() < 1e-12
    gap = np.linalg.norm(points[0] - points[2])
    assert np.linalg.norm(st[0] - st[2]) == pytest.approx(gap), "coordinates are Euclidean"
    assert plane.s == pytest.approx((st[:, 0].min() - 0.5, st[:, 0].max() + 0.5))
    with pytest.raises(ValueError, match="on a line"):
        basins.Slice.through(points[0], points[1], 2 * points[1] - points[0])


def test_units_with_different_output_weights_are_not_exchanged():
    with pytest.raises(ValueError, match="permutations=False"):
        basins.basin_map(PLANE, np.eye(2), a=[1.0, -1.0], lr=0.1)


def test_labels_are_those_of_plain_descent():
    """Tian's gradient, written out here, sends random starts of a plane of three students to the same ends."""
    teacher = np.eye(3)
    rng = np.random.default_rng(8)
    where = basins.Slice.through(*rng.normal(size=(3, 3, 3)), margin=0.5, shape=(6, 6))
    made = basins.basin_map(where, teacher, lr=0.2, tol=1e-8, permutations=False)

    def pull(w, v):
        t = np.arccos(np.clip(w @ v / np.linalg.norm(w) / np.linalg.norm(v), -1, 1))
        return ((np.pi - t) * v + np.linalg.norm(v) * np.sin(t) * w / np.linalg.norm(w)) / (2 * np.pi)

    for row, column in ((0, 0), (2, 5), (5, 1)):
        W = where.starts()[row, column].copy()
        for _ in range(1000):
            W -= 0.2 * np.array([sum(pull(w, u) for u in W) - sum(pull(w, v) for v in teacher) for w in W])
        assert np.linalg.norm(W - made.points[made.labels[row, column]]) < 1e-2


def test_a_fast_saddle_needs_more_rounds_of_edge_tracking():
    # Stable rate 0.014 against unstable 0.68: one bisection to 1e-12 does not come near.
    k = 7
    teacher = np.eye(k)
    shifted = teacher[[0, 1, 2, 3, 5, 6, 4]]
    known = np.stack([teacher, shifted, flipped(k, 1).matrix()])
    where = basins.Slice.through(*known, margin=3.0, shape=(2, 2))
    made = basins.basin_map(where, teacher, lr=0.25, tol=1e-9, permutations=False, known=known)
    low, high = where.at(-1.88, 0.9), where.at(-1.88, 1.2)
    one, more = (basins.edge_state(low, high, teacher, made.label_of, lr=0.25, rounds=n) for n in (1, 8))
    assert one.distance > 0.1
    assert more.distance < 0.05
    assert more.saddle.index == 1
    assert more.saddle.loss == pytest.approx(0.0583278, abs=1e-6)
    with pytest.raises(ValueError, match="different basins"):
        basins.edge_state(low, low, teacher, made.label_of, lr=0.25)
