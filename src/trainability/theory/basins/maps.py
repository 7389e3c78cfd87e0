"""The map of a 2-D slice of initial space: which critical point each start reaches, and how many steps it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory import wilson
from trainability.theory.basins.endpoints import NOWHERE, Array, cluster
from trainability.theory.descent import OUTCOMES, descend


@dataclass(frozen=True, eq=False)
class Slice:
    """The initial networks origin + s · along + t · across on a grid of (s, t).

    Args:
        origin, along, across: (k, d) each; the two directions must not be parallel.
        s, t: (low, high) of each coordinate, low < high.
        shape: points along s and along t, 2 or more each. Points are the middles of the grid's cells.

    Raises:
        ValueError: shapes that do not fit, parallel directions, not finite, an empty range.

    Source: none needed.

    >>> Slice([[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]], (-1, 1), (-1, 1), (4, 2)).starts().shape
    (2, 4, 1, 2)
    """

    origin: Array
    along: Array
    across: Array
    s: tuple[float, float]
    t: tuple[float, float]
    shape: tuple[int, int] = (100, 100)

    def __post_init__(self) -> None:
        for name in ("origin", "along", "across"):
            object.__setattr__(self, name, np.array(getattr(self, name), float))
        if (
            self.origin.ndim != 2
            or not self.origin.shape == self.along.shape == self.across.shape
            or not self.origin.size
        ):
            raise ValueError(
                f"Got origin {self.origin.shape}, along {self.along.shape}, across {self.across.shape}; need three arrays "
                "(k, d) of one shape, k and d at least 1."
            )
        if not all(np.isfinite(v).all() for v in (self.origin, self.along, self.across, self.s, self.t)):
            raise ValueError("Got a slice with numbers that are not finite; need finite ones.")
        if np.linalg.matrix_rank(np.stack([self.along.ravel(), self.across.ravel()])) < 2:
            raise ValueError("Got parallel directions; need two that span a plane.")
        if not (self.s[0] < self.s[1] and self.t[0] < self.t[1]):
            raise ValueError(f"Got ranges s={self.s}, t={self.t}; need low < high in both.")
        if min(self.shape) < 2:
            raise ValueError(f"Got shape={self.shape}; need 2 points or more in each direction.")

    @property
    def axes(self) -> tuple[Array, Array]:
        """(s of each column, t of each row)."""
        (s0, s1), (t0, t1), (n, m) = self.s, self.t, self.shape
        return s0 + (s1 - s0) * (np.arange(n) + 0.5) / n, t0 + (t1 - t0) * (np.arange(m) + 0.5) / m

    def at(self, s: ArrayLike, t: ArrayLike) -> Array:
        """The networks (..., k, d) at coordinates s and t, which broadcast."""
        s, t = np.asarray(s, float)[..., None, None], np.asarray(t, float)[..., None, None]
        return self.origin + s * self.along + t * self.across

    def starts(self) -> Array:
        """All starts, (points along t, points along s, k, d)."""
        s, t = self.axes
        return self.at(s[None, :], t[:, None])

    def random(self, count: int, generator: np.random.Generator) -> Array:
        """Starts (count, k, d) drawn uniformly from the rectangle of the slice, on no grid."""
        (s0, s1), (t0, t1) = self.s, self.t
        return self.at(generator.uniform(s0, s1, count), generator.uniform(t0, t1, count))

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance in s of neighbouring columns, in t of neighbouring rows."""
        return (self.s[1] - self.s[0]) / self.shape[0], (self.t[1] - self.t[0]) / self.shape[1]

    @classmethod
    def through(
        cls,
        first: ArrayLike,
        second: ArrayLike,
        third: ArrayLike,
        *,
        margin: float = 1.0,
        shape: tuple[int, int] = (100, 100),
    ) -> Slice:
        """The plane through three networks, in Euclidean coordinates about their mean, s along first to second.

        Args:
            first, second, third: (k, d) each, not on one line.
            margin: how far the rectangle reaches beyond the three in every direction, in units of the weights.
            shape: as in Slice.

        Returns:
            Slice, with `along` and `across` of length 1 and at right angles.

        Raises:
            ValueError: as Slice; three networks on a line.

        Source: Gram and Schmidt.

        >>> plane = Slice.through([[1.0, 0.0]], [[3.0, 0.0]], [[2.0, 3.0]])
        >>> plane.origin.tolist(), plane.s, plane.t
        ([[2.0, 1.0]], (-2.0, 2.0), (-2.0, 3.0))
        """
        points = np.stack([np.asarray(p, float) for p in (first, second, third)])
        origin, side, other = points.mean(0), points[1] - points[0], points[2] - points[0]
        along = side / max(float(np.linalg.norm(side)), 1e-300)
        other = other - (other * along).sum() * along
        if not np.linalg.norm(other) > 1e-12 * np.linalg.norm(points[2] - points[0]):
            raise ValueError("Got three networks on a line; need three that span a plane. Move one of them.")
        across = other / np.linalg.norm(other)
        s, t = (((points - origin) * direction).sum((1, 2)) for direction in (along, across))
        reach = [(float(v.min()) - margin, float(v.max()) + margin) for v in (s, t)]
        return cls(origin, along, across, reach[0], reach[1], shape)

    def coordinates(self, networks: ArrayLike) -> tuple[Array, Array]:
        """Coordinates (..., 2) of the nearest point of the plane to each network (..., k, d), and the distance to it."""
        gap = np.asarray(networks, float) - self.origin
        flat = gap.reshape(*gap.shape[:-2], -1)
        basis = np.stack([self.along.ravel(), self.across.ravel()], 1)
        st = flat @ np.linalg.pinv(basis).T
        return st, np.linalg.norm(flat - st @ basis.T, axis=-1)


@dataclass(frozen=True, eq=False)
class BasinMap:
    """The ends of a slice's starts.

    Args:
        slice: the plane.
        labels: (rows, columns), the critical point reached; -1 where the run did not converge.
        steps: (rows, columns), updates made.
        points: (labels, k, d), the critical points in the order of their losses.
        losses: (labels,), with the 1/2.
        tolerance, permutations: as in `cluster`.
        run: starts (n, k, d), gradient norm to end at -> (ends, losses, steps, whether converged), the descent that the map
            was made with.
        tol: gradient norm at which its runs ended.
        lr: its learning rate.
    """

    slice: Slice
    labels: NDArray[np.int64]
    steps: NDArray[np.int64]
    points: Array
    losses: Array
    tolerance: float
    permutations: bool
    run: Callable[[Array, float], tuple[Array, Array, NDArray[np.int64], NDArray[np.bool_]]]
    tol: float
    lr: float

    @property
    def times(self) -> Array:
        """(rows, columns), lr times updates: the time of gradient flow in the limit of small lr."""
        return np.asarray(self.lr * self.steps, np.float64)

    def label_of(self, starts: ArrayLike, tol: float | None = None) -> NDArray[np.int64]:
        """The label of other starts (n, k, d); a critical point that the map does not have gets a label beyond its own.

        `tol` is the gradient norm to end at, that of the map if not given. A start very near to a boundary passes the
        saddle at a small gradient: with a smaller `tol` it does not end there.
        """
        ends, losses, _, converged = self.run(np.asarray(starts, float), self.tol if tol is None else tol)
        return cluster(
            ends,
            np.where(converged, losses, np.nan),
            tolerance=self.tolerance,
            permutations=self.permutations,
            known=self.points,
        )[0]


@dataclass(frozen=True)
class Share:
    """How many starts reach a critical point.

    Args:
        label: of the point; -1 for runs that did not converge.
        count, n: starts that reach it, of all.
        low, high: Wilson interval of the share.
    """

    label: int
    count: int
    n: int
    low: float
    high: float


def basin_map(
    where: Slice,
    V: ArrayLike,
    *,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    lr: float,
    tol: float = 1e-9,
    max_steps: int = 100_000,
    tolerance: float = 1e-3,
    permutations: bool = True,
    known: ArrayLike | None = None,
) -> BasinMap:
    """Descend from every start of a slice on the exact population loss, and say which critical point it reaches.

    Args:
        where: the plane of starts W.
        V: (m, d), the teacher.
        a, b: output weights of student (k,) and teacher (m,); ones if not given.
        lr, tol, max_steps: as in `theory.descend`: the learning rate, the gradient norm that ends a run, most updates.
        tolerance: two end points are the same critical point where each unit is this near to its partner. It must be larger
            than tol divided by the smallest curvature of a minimum.
        permutations: whether two end points that differ in the order of units count as the same; only with equal `a`.
        known: (n, k, d), critical points that are to have the labels 0 .. n - 1; else labels follow the losses.

    Returns:
        BasinMap.

    Raises:
        ValueError: shapes that do not fit, not finite, or permutations with unequal `a`.

    A start with a unit at exactly 0 has no gradient and the label -1. A run ends where the gradient is small, minimum or
    not: starts on a boundary end at its saddle, and starts opposite to the teacher of a single unit at w = 0. These have
    labels of their own; `critical_points.classify` tells what they are.

    Source: descent on the loss of Tian 2017, arXiv 1703.00560, eq. 8.

    >>> plane = Slice([[0.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]], (-1, 1), (-1, 1), (4, 4))
    >>> made = basin_map(plane, [[1.0, 0.0]], lr=1.0)
    >>> made.labels.tolist() == [[0] * 4] * 4, made.points.round(6).tolist() == [[[1.0, 0.0]]]
    (True, True)
    """
    starts = where.starts()
    k, d = starts.shape[-2:]
    if permutations and a is not None and np.ptp(np.asarray(a, float)) > 0:
        raise ValueError(
            f"Got permutations=True and output weights a={a}; need equal ones, for units with different output weights are "
            "no copies of each other. Take permutations=False."
        )

    def run(points: Array, tol: float) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.bool_]]:
        good = (points != 0).any(2).all(1)
        out = descend(np.where(good[:, None, None], points, 1.0), V, lr=lr, tol=tol, max_steps=max_steps, a=a, b=b)
        return out.W, out.loss, out.steps, good & (out.outcome == OUTCOMES.index("converged"))

    ends, losses, steps, converged = run(starts.reshape(-1, k, d), tol)
    labels, points = cluster(
        ends, np.where(converged, losses, np.nan), tolerance=tolerance, permutations=permutations, known=known
    )
    lowest = [losses[labels == i].min() if (labels == i).any() else math.nan for i in range(len(points))]
    shape = starts.shape[:2]
    return BasinMap(
        where, labels.reshape(shape), steps.reshape(shape), points, np.array(lowest), tolerance, permutations, run, tol,
        float(lr),
    )  # fmt: skip


def shares(labels: ArrayLike, confidence: float = 0.95) -> tuple[Share, ...]:
    """The share of starts that reach each critical point, with its Wilson interval.

    The interval is that of as many starts drawn at random; a grid's error is smaller, of the order of boundary cells.

    Args:
        labels: any shape, whole numbers; -1 for runs that did not converge.
        confidence: of the intervals, in (0, 1).

    Returns:
        One Share per label that occurs, in the order of the labels.

    Raises:
        ValueError: no labels, or a confidence outside (0, 1).

    Source: `theory.wilson`.

    >>> [(s.label, s.count, round(s.low, 3)) for s in shares([0, 0, 0, 1])]
    [(0, 3, 0.301), (1, 1, 0.046)]
    """
    labels = np.asarray(labels)
    if labels.size == 0:
        raise ValueError("Got no labels; need at least one.")
    names, counts = np.unique(labels, return_counts=True)
    n = int(labels.size)
    return tuple(
        Share(int(i), int(c), n, *wilson.interval(int(c), n, confidence)) for i, c in zip(names, counts, strict=True)
    )


__all__ = ["NOWHERE", "BasinMap", "Share", "Slice", "basin_map", "shares"]
