"""The three planes of starts of the basins entry: their records, and the measuring."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from trainability.theory import basins as maps
from trainability.theory import descend, flow, single_relu, symmetric_dynamics
from trainability.theory.critical_points import CriticalPoint, classify, newton
from trainability.theory.families import flipped

K, SIDE, LR = 6, 1.2, 0.3
"""Students of plane (a), its half side, and its learning rate."""
UNITS, LR_PLANE = 7, 0.25
"""The same for plane (b)."""
BOX = 5
"""Cells along the side of a box of the basin entropy."""
EPSILONS = (1, 2, 3, 4, 6, 8)
GAPS = (1e-2, 1e-4, 1e-6, 1e-8)
"""Angles from the opposite ray, radian."""
TOL = 1e-10
"""Gradient norm at which a run of plane (c) ends: half the distance to the teacher, for the Hessian there is 1/2."""


@dataclass(frozen=True, eq=False)
class Edge:
    """How rough the boundaries of a map are.

    Args:
        entropy: basin entropy of the map; smooth: that of its line.
        exponent: uncertainty exponent; share: the uncertain shares that the line has.
        boxes: box counting.
    """

    entropy: maps.BasinEntropy
    smooth: maps.SmoothEntropy
    exponent: maps.UncertaintyExponent
    share: np.ndarray
    boxes: maps.BoxCount


@dataclass(frozen=True, eq=False)
class Plane:
    """One map and what is measured on it.

    Args:
        made: the map.
        line: its separatrices.
        ends: what each of its end points is.
        drawn: labels of random starts.
        edge: its boundaries.
        checked: starts that were followed by another method; agreed: those that it sends to the same end.
        passed: where runs on the boundary, bisected to 1e-12, come to rest.
    """

    made: maps.BasinMap
    line: maps.Separatrix
    ends: tuple[CriticalPoint, ...]
    drawn: np.ndarray
    edge: Edge
    checked: int
    agreed: int
    passed: tuple[maps.EdgeState, ...]


@dataclass(frozen=True, eq=False)
class One:
    """One ReLU in the plane.

    Args:
        made: the map.
        arrived: starts of the map, and random ones, that reach the teacher; of how many.
        starts: how many.
        ray: (n,), lengths at which starts on the opposite ray end.
        times: (n,), of the starts at `GAPS`, for lr to 0.
        sample: (m, 2), time of random cells of the map, and of gradient flow.
    """

    made: maps.BasinMap
    arrived: int
    starts: int
    ray: np.ndarray
    times: np.ndarray
    sample: np.ndarray


@dataclass(frozen=True, eq=False)
class Data:
    """The numbers behind the figure.

    Args:
        symmetric, plane, one: the three planes.
        zoom: the boundary between two basins of plane (b) alone.
        decade: time that a start of the symmetric plane needs more when it is ten times nearer to the separatrix.
    """

    symmetric: Plane
    plane: Plane
    zoom: Edge
    one: One
    decade: float


def symmetric_plane(shape: tuple[int, int], random: int) -> Plane:
    """The plane w_1 = (x, y, ..., y), and its cyclic shifts: s is x, t is y.

    Args:
        shape: columns and rows; one even and one odd, so that no start has x = y.
        random: random starts.

    Returns:
        Plane; the other method is descent on the two variables of Theorem 7.
    """
    teacher = np.eye(K)
    where = maps.Slice(np.zeros((K, K)), teacher, 1 - teacher, (-SIDE, SIDE), (-SIDE, SIDE), shape)
    ends = np.stack([teacher, flipped(K, K).matrix()])
    made = maps.basin_map(where, teacher, lr=LR, tol=1e-9, permutations=False, known=ends)

    pairs = [np.array([[v, v - 0.05], [v, v + 0.05]]) for v in (0.6, -0.6)]

    def other(coordinates: np.ndarray) -> np.ndarray:
        x, y = symmetric_dynamics.descend(coordinates[:, 0], coordinates[:, 1], K, lr=LR, steps=200)
        far = [np.hypot(x[-1] - e[0, 0], y[-1] - e[0, 1]) for e in ends]
        return np.where(np.min(far, axis=0) < 1e-6, np.argmin(far, axis=0), -1)

    return measured(made, teacher, random, other, pairs, 400, 1, slice(2))


def random_plane(shape: tuple[int, int], random: int, followed: slice) -> Plane:
    """The plane through two orders of the teacher and the exact minimum of type II, in Euclidean coordinates.

    Args:
        shape: columns and rows.
        random: random starts.
        followed: pairs of basins whose edge is followed, of `one_per_pair`.

    Returns:
        Plane; the other method is gradient flow, from starts two cells or more from every boundary.
    """
    teacher = np.eye(UNITS)
    shifted = teacher[[*range(UNITS - 3), UNITS - 2, UNITS - 1, UNITS - 3]]
    known = np.stack([teacher, shifted, flipped(UNITS, 1).matrix()])
    where = maps.Slice.through(*known, margin=3.0, shape=shape)
    made = maps.basin_map(where, teacher, lr=LR_PLANE, tol=1e-6, permutations=False, known=known)

    def other(coordinates: np.ndarray) -> np.ndarray:
        out = flow(where.at(*coordinates.T), teacher, t=150.0, rtol=1e-7, atol=1e-9).W
        far = np.linalg.norm(out[:, None] - made.points, axis=(2, 3))
        return np.asarray(far.argmin(1))

    return measured(made, teacher, random, other, None, 60, 40, followed)


def measured(
    made: maps.BasinMap,
    teacher: np.ndarray,
    random: int,
    other: Callable[[np.ndarray], np.ndarray],
    crossings: list[np.ndarray] | None,
    sample: int,
    rounds: int,
    followed: slice,
) -> Plane:
    """All that is measured on a map; see `Plane`.

    Args:
        made: the map.
        teacher: (m, d).
        random: random starts.
        other: coordinates (n, 2) -> labels by another method.
        crossings: pairs (2, 2) of coordinates on the two sides of a boundary; None: one per pair of basins.
        sample: starts to follow by the other method.
        rounds: of edge tracking; followed: pairs that it is done for.
    """
    where, generator = made.slice, np.random.default_rng(5)
    line = maps.separatrix(made, halvings=12)
    ends = tuple(classify(newton(p, teacher)[0], teacher) for p in made.points)
    drawn = made.label_of(where.random(random, generator))
    s, t = where.axes
    mixed = np.lib.stride_tricks.sliding_window_view(np.pad(made.labels, 2, mode="edge"), (5, 5))
    rows, columns = np.nonzero((mixed == made.labels[..., None, None]).all((2, 3)))
    chosen = generator.choice(len(rows), min(sample, len(rows)), replace=False)
    rows, columns = rows[chosen], columns[chosen]
    agreed = other(np.stack([s[columns], t[rows]], 1)) == made.labels[rows, columns]
    crossings = one_per_pair(maps.separatrix(made, halvings=0)) if crossings is None else crossings
    passed = tuple(
        maps.edge_state(
            where.at(*low),
            where.at(*high),
            teacher,
            lambda W: made.label_of(W, 1e-11),
            lr=made.lr,
            rounds=rounds,
            goal=1e-5,
        )
        for low, high in crossings[followed]
    )
    return Plane(
        made,
        line,
        ends,
        drawn,
        edge_of(made, line),
        len(chosen),
        int(agreed.sum()),
        passed,
    )


def edge_of(made: maps.BasinMap, line: maps.Separatrix) -> Edge:
    """How rough a map's boundaries are, and what their pieces of line predict."""
    where = made.slice
    entropy = maps.basin_entropy(made.labels, BOX)
    exponent = maps.uncertainty_exponent(made.labels, spacing=where.spacing[0], cells=EPSILONS)
    away = max(EPSILONS) * where.spacing[0]
    return Edge(
        entropy,
        maps.smooth_entropy(line.segments, where.spacing, BOX, entropy.boxes),
        exponent,
        maps.uncertain_share(line.segments, exponent.distance, (where.s[0] + away, where.s[1] - away), where.t),
        maps.box_counting(made.labels, EPSILONS),
    )


def zoomed(plane: Plane, shape: tuple[int, int]) -> Edge:
    """The part of plane (b) where one order of the teacher meets type II, mapped again; see `Edge`."""
    where = plane.made.slice
    part = replace(where, s=(-4.0, -1.2), t=(0.3, 2.1), shape=shape)
    made = maps.basin_map(
        part, np.eye(UNITS), lr=LR_PLANE, tol=plane.made.tol, permutations=False, known=plane.made.points
    )
    return edge_of(made, maps.separatrix(made, halvings=12))


def one_per_pair(line: maps.Separatrix, fewest: int = 6) -> list[np.ndarray]:
    """Neighbouring starts (2, 2) on the two sides of the boundary of every two basins, longest boundaries first.

    Of each the middle in s is taken; boundaries with less than `fewest` points are left out.
    """
    names = np.sort(line.between, axis=1)
    pairs, counts = np.unique(names, axis=0, return_counts=True)
    out = []
    for pair, count in sorted(zip(pairs.tolist(), counts.tolist(), strict=True), key=lambda p: -p[1]):
        rows = np.flatnonzero((names == pair).all(1))
        if count >= fewest and pair[0] >= 0:
            out.append(line.sides[rows[np.argsort(line.points[rows, 0])[count // 2]]])
    return out


def one_relu(shape: tuple[int, int], lr: float) -> One:
    """One student and one teacher, (1, 0), in the plane.

    Args:
        shape: columns and rows; rows even, so that no start is on the opposite ray.
        lr: learning rate of the map; the times of `GAPS` are extrapolated from 0.02 and 0.01 to 0.

    Returns:
        One.
    """
    teacher, generator = np.array([[1.0, 0.0]]), np.random.default_rng(6)
    where = maps.Slice(0 * teacher, teacher, teacher[:, ::-1], (-2, 2), (-2, 2), shape)
    made = maps.basin_map(where, teacher, lr=lr, tol=TOL, known=teacher[None])
    more = made.label_of(where.random(made.labels.size // 4, generator))
    ray = descend(-np.array([0.1, 0.5, 1.0, 1.9])[:, None, None] * teacher, teacher, lr=0.1, tol=TOL).W
    near = np.array([[[-math.cos(gap), math.sin(gap)]] for gap in GAPS])
    coarse, fine = (descend(near, teacher, lr=rate, tol=TOL).steps * rate for rate in (0.02, 0.01))
    rows, columns = generator.integers(shape[1], size=40), generator.integers(shape[0], size=40)
    starts = where.starts()[rows, columns, 0]
    exact = [single_relu.time_to_converge(*single_relu.start_of(w, teacher[0]), 2 * TOL) for w in starts]
    return One(
        made,
        int((made.labels == 0).sum() + (more == 0).sum()),
        made.labels.size + more.size,
        np.linalg.norm(ray, axis=(1, 2)),
        2 * fine - coarse,
        np.stack([made.times[rows, columns], exact], 1),
    )


def time_per_decade() -> float:
    """Time by which a start of the symmetric plane is later for being ten times nearer to the separatrix, at the saddle."""
    x, _ = symmetric_dynamics.saddle(K)
    gaps = 10.0 ** -np.arange(3, 7)
    starts = [symmetric_dynamics.weights(x + gap, x - gap, K) for gap in gaps]
    steps = descend(starts, np.eye(K), lr=LR, tol=1e-6).steps
    return float(LR * np.polyfit(-np.log10(gaps), steps, 1)[0])


def settled(plane: Plane) -> list[maps.EdgeState]:
    """The runs on a boundary that came near to a critical point."""
    return [p for p in plane.passed if p.gradient_norm < 1e-4 and p.distance < 0.05]
