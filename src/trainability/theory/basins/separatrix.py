"""The boundary between basins as points, found between neighbouring starts and refined by bisection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.basins.maps import BasinMap


@dataclass(frozen=True, eq=False)
class Separatrix:
    """Points of the boundary.

    Args:
        points: (n, 2), coordinates (s, t) in the slice.
        between: (n, 2), labels on the two sides.
        accuracy: the largest distance of a point from a change of label.
        segments: (m, 2, 2), pieces of line from point to point: two points of one square of neighbouring starts are joined;
            where a square has three or four, basins meet in it and each is joined to their mean.
        sides: (n, 2, 2), the last two points that each was bisected between; `between` are their labels.
    """

    points: NDArray[np.float64]
    between: NDArray[np.int64]
    accuracy: float
    segments: NDArray[np.float64]
    sides: NDArray[np.float64]

    @property
    def length(self) -> float:
        """Of all segments, in the units of s and t."""
        return float(np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1).sum())


def separatrix(made: BasinMap, halvings: int = 10) -> Separatrix:
    """Points of the boundary of every basin of a map, each bisected between two neighbouring starts.

    Args:
        made: the map.
        halvings: how often each pair is halved, 0 or more; each costs one descent per pair. A start on the boundary itself goes
            to the saddle first, so that a run there needs more steps, about log(2) / (lr · |negative curvature|) per halving.

    Returns:
        Separatrix; where a third basin lies between two starts, the boundary of the first is followed.

    Raises:
        ValueError: halvings is negative.

    Source: bisection.

    >>> from trainability.theory.basins import Slice, basin_map
    >>> plane = Slice(np.zeros((2, 2)), np.eye(2), np.eye(2)[::-1], (0.05, 1), (0.05, 1), (4, 4))
    >>> found = separatrix(basin_map(plane, np.eye(2), lr=0.5, permutations=False), halvings=4)
    >>> bool(np.allclose(found.points[:, 0], found.points[:, 1], atol=2 * found.accuracy))
    True
    """
    s, t = made.slice.axes
    return between(made.labels, s, t, lambda p: made.label_of(made.slice.at(p[:, 0], p[:, 1])), halvings)


def between(
    labels: ArrayLike,
    s: ArrayLike,
    t: ArrayLike,
    label_of: Callable[[NDArray[np.float64]], NDArray[np.int64]],
    halvings: int = 10,
) -> Separatrix:
    """Points of the boundary of any labelled grid whose labels can be asked for anywhere.

    Args:
        labels: (rows, columns).
        s, t: coordinates of the columns and of the rows.
        label_of: points (n, 2) -> their labels (n,).
        halvings: 0 or more.

    Returns:
        Separatrix.

    Raises:
        ValueError: shapes that do not fit, or halvings is negative.

    Source: bisection.

    >>> found = between([[0, 1]], [0.0, 1.0], [0.0], lambda p: (p[:, 0] > 0.3).astype(int), halvings=20)
    >>> round(float(found.points[0, 0]), 5)
    0.3
    """
    labels, s, t = np.asarray(labels), np.asarray(s, float), np.asarray(t, float)
    if labels.shape != (t.size, s.size):
        raise ValueError(
            f"Got labels {labels.shape}, s {s.shape}, t {t.shape}; need (rows, columns), (columns,), (rows,)."
        )
    if halvings < 0:
        raise ValueError(f"Got halvings={halvings}; need 0 or more.")
    grid = np.stack(np.meshgrid(s, t), -1)
    low, high, left, right = [], [], [], []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        differ = labels[a] != labels[b]
        low.append(grid[a][differ])
        high.append(grid[b][differ])
        left.append(labels[a][differ])
        right.append(labels[b][differ])
    lo, hi, last = bisected(np.concatenate(low), np.concatenate(high), np.concatenate(left), label_of, halvings)
    second = np.where(last == NOT_ASKED, np.concatenate(right), last)
    width = float(np.linalg.norm(hi - lo, axis=1).max() / 2) if len(lo) else 0.0
    middle = (lo + hi) / 2
    return Separatrix(
        middle,
        np.stack([np.concatenate(left), second], 1),
        width,
        _joined(labels, middle),
        np.stack([lo, hi], 1),
    )


NOT_ASKED = np.iinfo(np.int64).min


def bisected(
    low: ArrayLike,
    high: ArrayLike,
    first: ArrayLike,
    label_of: Callable[[NDArray[np.float64]], NDArray[np.int64]],
    halvings: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Pairs of points on the two sides of a boundary, drawn together.

    Args:
        low, high: (n, 2), points with different labels.
        first: (n,), labels of `low`.
        label_of: points (n, 2) -> their labels (n,).
        halvings: 0 or more.

    Returns:
        (low, high, label of `high`): `low` still has its label and `high` another; the label is `NOT_ASKED` where `high` has
        not moved.

    Raises:
        ValueError: halvings is negative.

    Source: bisection.

    >>> low, high, _ = bisected([[0.0, 0.0]], [[1.0, 0.0]], [0], lambda p: (p[:, 0] > 0.3).astype(int), 40)
    >>> bool(low[0, 0] <= 0.3 < high[0, 0] < 0.3 + 1e-11)
    True
    """
    if halvings < 0:
        raise ValueError(f"Got halvings={halvings}; need 0 or more.")
    lo, hi, first = np.array(low, float), np.array(high, float), np.asarray(first)
    last = np.full(len(lo), NOT_ASKED, np.int64)
    for _ in range(halvings if len(lo) else 0):
        middle = (lo + hi) / 2
        here = label_of(middle)
        same = here == first
        last = np.where(same, last, here)
        lo, hi = np.where(same[:, None], middle, lo), np.where(same[:, None], hi, middle)
    return lo, hi, last


def _joined(labels: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join the points that lie on the four sides of each square of neighbouring starts (marching squares)."""
    rows, columns = labels.shape
    across, up = labels[:, :-1] != labels[:, 1:], labels[:-1] != labels[1:]
    index_across, index_up = np.full(across.shape, -1), np.full(up.shape, -1)
    index_across[across] = np.arange(across.sum())
    index_up[up] = across.sum() + np.arange(up.sum())
    if min(rows, columns) < 2:
        return np.empty((0, 2, 2))
    sides = np.stack([index_across[:-1], index_across[1:], index_up[:, :-1], index_up[:, 1:]], -1).reshape(-1, 4)
    pieces = []
    for side in sides[(sides >= 0).any(1)]:
        own = points[side[side >= 0]]
        pieces += [own] if len(own) == 2 else [np.stack([p, own.mean(0)]) for p in own]
    return np.array(pieces).reshape(-1, 2, 2)
