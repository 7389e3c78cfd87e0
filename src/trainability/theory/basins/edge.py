"""The saddle at the edge of two basins: a pair of runs on the two sides is followed, and drawn together where it parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.critical_points import CriticalPoint, classify, newton
from trainability.theory.descent import descend
from trainability.theory.teacher_student import gradient

Array = NDArray[np.float64]
SECTIONS = 9
"""Parts that a pair is cut into at once: the descent advances eight runs at the price of one."""


@dataclass(frozen=True, eq=False)
class EdgeState:
    """Where a run on the boundary comes to rest.

    Args:
        point: (k, d), the slowest point that was met.
        gradient_norm: there.
        rounds: how often the pair was drawn together.
        saddle: the critical point that Newton's method finds from there.
        distance: Frobenius norm from the slowest point to it.
    """

    point: Array
    gradient_norm: float
    rounds: int
    saddle: CriticalPoint
    distance: float


def edge_state(
    low: ArrayLike,
    high: ArrayLike,
    V: ArrayLike,
    label_of: Callable[[Array], NDArray[np.int64]],
    *,
    lr: float,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    near: float = 1e-12,
    together: float = 1e-4,
    rounds: int = 12,
    goal: float = 1e-6,
    max_steps: int = 4000,
    every: int = 5,
) -> EdgeState:
    """Follow the boundary between two basins to the critical point that it leads to.

        until |grad L| <= goal:  cut low-high until |high - low| <= near;  descend both until |high - low| > together

    A start at distance e from the boundary passes a saddle with stable rate p and unstable rate q at about e^(p/(p + q)): with
    p much smaller than q a single descent does not come near it, however well the start is bisected. More rounds do.

    Args:
        low, high: (k, d), starts in two basins.
        V: (m, d), the teacher.
        label_of: networks (n, k, d) -> basins (n,), such as `BasinMap.label_of`.
        lr: learning rate.
        a, b: output weights of student (k,) and teacher (m,); ones if not given.
        near, together: Frobenius norms, near < together.
        rounds: at most so many, 1 or more. A start with a symmetry that its boundary needs keeps it for the first alone.
        goal: gradient norm at which to stop.
        max_steps: most updates of a round.
        every: updates between points looked at.

    Returns:
        EdgeState. Its `saddle` has index 1 where the boundary separates two basins in all directions but one.

    Raises:
        ValueError: shapes that do not fit, starts of one basin, or numbers out of range.

    Source: Skufca, Yorke and Eckhardt 2006, Physical Review Letters 96, 174101 (edge tracking).

    >>> from trainability.theory.basins import Slice, basin_map
    >>> plane = Slice(np.zeros((2, 2)), np.eye(2), np.eye(2)[::-1], (0.05, 1), (0.05, 1), (4, 4))
    >>> made = basin_map(plane, np.eye(2), lr=0.5, permutations=False)
    >>> found = edge_state(plane.at(0.9, 0.8), plane.at(0.7, 0.8), np.eye(2), made.label_of, lr=0.5)
    >>> found.saddle.index, found.saddle.W.round(6).tolist(), found.distance < 1e-5
    (1, [[0.534155, 0.534155], [0.534155, 0.534155]], True)
    """
    lo, hi = np.asarray(low, float), np.asarray(high, float)
    if lo.ndim != 2 or lo.shape != hi.shape or not 0 < near < together or rounds < 1:
        raise ValueError(
            f"Got starts {lo.shape} and {hi.shape}, near={near}, together={together}, rounds={rounds}; need two (k, d), "
            "0 < near < together, and a round or more."
        )
    first, last = (int(v) for v in label_of(np.stack([lo, hi])))
    if first == last:
        raise ValueError(f"Got two starts that both have label {first}; need two of different basins. Move one.")
    slowest, norm, done = lo, np.inf, 0
    parts = np.arange(1, SECTIONS)[:, None, None] / SECTIONS
    while done < rounds and norm > goal:
        done += 1
        while np.linalg.norm(hi - lo) > near:
            points = np.concatenate([lo[None], lo + parts * (hi - lo), hi[None]])
            labels = label_of(points[1:-1])
            cut = int((labels != first).argmax()) + 1 if (labels != first).any() else SECTIONS
            if (points[cut] == hi).all() and (points[cut - 1] == lo).all():
                break
            lo, hi = points[cut - 1], points[cut]
        path = descend(np.stack([lo, hi]), V, lr=lr, tol=0.0, max_steps=max_steps, a=a, b=b, record=every).path
        if path is None:
            raise AssertionError("recorded")
        apart = ~(np.linalg.norm(path[0] - path[1], axis=(1, 2)) < together)
        stop = max(1, int(apart.argmax()) if apart.any() else len(apart))
        slope = np.linalg.norm(gradient(path[0, :stop], V, a, b), axis=(1, 2))
        at = int(slope.argmin())
        if not apart.any() and classify(newton(path[0, at], V, a, b)[0], V, a, b).kind == "minimum":
            break  # both runs went to one basin: its edge was lost, as where a label was that of a run stopped at a saddle
        if slope[at] < norm:
            slowest, norm = path[0, at], float(slope[at])
        lo, hi = path[0, stop - 1], path[1, stop - 1]
    found, _ = newton(slowest, V, a, b)
    return EdgeState(slowest, norm, done, classify(found, V, a, b), float(np.linalg.norm(slowest - found)))
