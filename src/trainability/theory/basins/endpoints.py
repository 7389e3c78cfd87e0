"""Which end points are the same critical point, up to a tolerance and, where asked, to the order of the units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]

NOWHERE = -1
"""The label of a run that did not converge."""


def same_network(
    ends: ArrayLike, point: ArrayLike, *, tolerance: float, permutations: bool = True
) -> NDArray[np.bool_]:
    """Whether each end point is a given network to a tolerance.

        min over permutations P of  max over i  |w_P(i) - u_i|  <= tolerance

    Args:
        ends: (n, k, d), networks with k units.
        point: (k, d), the network u.
        tolerance: > 0, the largest distance of a unit from its partner.
        permutations: whether units may be matched in any order; else unit i is matched with unit i. Units with
            different output weights must not be exchanged: take False.

    Returns:
        (n,) of bool; False where an end point is not finite.

    Raises:
        ValueError: shapes that do not fit, or a tolerance that is not positive.

    Source: the matching is exact: by nearest units where those are a permutation, else by assignment.

    >>> same_network([[[0.0, 1.0], [1.0, 0.0]]], [[1.0, 0.0], [0.0, 1.0]], tolerance=1e-6)
    array([ True])
    """
    ends, point = np.asarray(ends, float), np.asarray(point, float)
    if ends.ndim != 3 or point.shape != ends.shape[1:]:
        raise ValueError(f"Got ends {ends.shape} and a point {point.shape}; need (n, k, d) and (k, d).")
    if not tolerance > 0:
        raise ValueError(f"Got tolerance={tolerance}; need a number > 0, such as 1e-3.")
    finite = np.isfinite(ends).all((1, 2))
    good = np.where(finite[:, None, None], ends, 0.0)
    if not permutations:
        return finite & (np.linalg.norm(good - point, axis=-1).max(-1) <= tolerance)
    distance = np.linalg.norm(good[:, :, None, :] - point[:, :], axis=-1)  # (n, mine, theirs)
    near = (distance.min(1).max(-1) <= tolerance) & (distance.min(2).max(-1) <= tolerance) & finite
    partners = np.sort(distance.argmin(2), axis=1)
    order = (partners == np.arange(point.shape[0])).all(1)
    result = near & order
    for i in np.flatnonzero(near & ~order):  # units closer to each other than the tolerance
        fits = distance[i] <= tolerance
        result[i] = bool(fits[linear_sum_assignment(fits, maximize=True)].all())
    return result


def cluster(
    ends: ArrayLike,
    losses: ArrayLike,
    *,
    tolerance: float = 1e-3,
    permutations: bool = True,
    known: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], Array]:
    """Label end points so that two have one label where they are the same critical point.

    The unlabelled end point with the smallest loss names the next label and takes all that are within the tolerance of it, so
    that labels are in the order of their losses and label 0 is the best point found.

    Args:
        ends: (n, k, d); an end point that is not finite gets label -1, as do those whose loss is not.
        losses: (n,).
        tolerance: > 0, the largest distance of a unit from its partner in the naming end point.
        permutations: whether the order of units does not matter.
        known: (m, k, d), points that have the labels 0 .. m - 1 before any other.

    Returns:
        (labels (n,), points (number of labels, k, d)).

    Raises:
        ValueError: shapes that do not fit, or a tolerance that is not positive.

    Source: leader clustering; with minima further apart than twice the tolerance and runs converged to better than half of
        it, the labels are the connected sets of end points.

    >>> labels, points = cluster([[[1.0]], [[-1.0]], [[1.0 + 1e-9]]], [0.0, 0.5, 0.0])
    >>> labels, len(points)
    (array([0, 1, 0]), 2)
    """
    ends, losses = np.asarray(ends, float), np.asarray(losses, float)
    if ends.ndim != 3 or losses.shape != ends.shape[:1] or 0 in ends.shape[1:]:
        raise ValueError(f"Got ends {ends.shape} and losses {losses.shape}; need (n, k, d) with k, d >= 1, and (n,).")
    labels = np.full(len(ends), NOWHERE, np.int64)
    points: list[Array] = []
    left = np.isfinite(ends).all((1, 2)) & np.isfinite(losses)

    def take(point: Array) -> None:
        rows = np.flatnonzero(left)
        mine = rows[same_network(ends[rows], point, tolerance=tolerance, permutations=permutations)]
        labels[mine] = len(points)
        left[mine] = False
        points.append(point)

    for point in np.empty((0, *ends.shape[1:])) if known is None else np.asarray(known, float):
        take(point)
    while left.any():
        take(ends[np.flatnonzero(left)[np.argmin(losses[left])]])
    return labels, np.array(points).reshape(-1, *ends.shape[1:])
