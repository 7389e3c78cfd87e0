"""Dead, linear and bent units on given data, and biases that put the corners where the data are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory import wilson
from trainability.theory.elbows.laws import Law, Normal, Uniform, check_weight

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DataShares:
    """Counts of drawn units by what they do on the data; each interval is Wilson's.

    Args:
        dead: units with w . x + b <= 0 on all data.
        linear: units with w . x + b >= 0 on all data, and above 0 somewhere.
        bent: the others.
        dead_interval: of the share of dead units.
        linear_interval: of the share of linear units.
        bent_interval: of the share of bent units.
    """

    dead: int
    linear: int
    bent: int
    dead_interval: tuple[float, float]
    linear_interval: tuple[float, float]
    bent_interval: tuple[float, float]


def classify(W: ArrayLike, b: ArrayLike, X: ArrayLike) -> NDArray[np.int8]:
    """Say of every unit relu(w . x + b) whether it is dead (-1), bent (0) or linear (1) on the data.

    Args:
        W: (k, d), or (k,) for d = 1.
        b: (k,), or one number.
        X: (n, d), or (n,) for d = 1.

    Returns:
        (k,) of -1, 0, 1; a unit that is 0 on all data is dead.

    Raises:
        ValueError: shapes that do not fit, or numbers that are not finite.

    >>> classify([1.0, 1.0, -1.0], [-2.0, 2.0, 0.0], [-1.0, 0.0, 1.0]).tolist()
    [-1, 1, 0]
    """
    w, x = _pair(W, X)
    biases = np.broadcast_to(np.asarray(b, float), (len(w),))
    labels = np.empty(len(w), np.int8)
    for start in range(0, len(w), 4096):  # so that (n, k) never has to fit
        z = x @ w[start : start + 4096].T + biases[start : start + 4096]
        low, high = z.min(0), z.max(0)
        labels[start : start + 4096] = np.where(high <= 0, -1, np.where(low >= 0, 1, 0))
    return labels


def data_shares(
    X: ArrayLike,
    weight: Normal | Uniform,
    bias: Law,
    *,
    units: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> DataShares:
    """Draw units and count those that are dead, linear and bent on the data.

    For d = 1 `interval_shares` of the least and the largest input has the exact shares.

    Args:
        X: (n, d), or (n,) for d = 1.
        weight: law of every weight.
        bias: Normal, Uniform or Constant.
        units: to draw, 1 or more.
        seed: of the units.
        confidence: of the Wilson intervals.

    Returns:
        DataShares.

    Raises:
        ValueError: data that are not finite (n, d), or fewer than 1 unit.

    >>> shares = data_shares([-1.0, 0.3, 1.0], Normal(1.0), Normal(1.0))
    >>> shares.dead_interval[0] < 0.25 < shares.dead_interval[1]
    True
    """
    check_weight(weight)
    if units < 1:
        raise ValueError(f"Got units={units}; need 1 or more.")
    x = np.asarray(X, float)
    rng = np.random.default_rng(seed)
    W = weight.draw((units, 1 if x.ndim == 1 else x.shape[-1]), rng)
    labels = classify(W, bias.draw((units,), rng), x)
    dead, linear, bent = (int((labels == kind).sum()) for kind in (-1, 1, 0))
    intervals = [wilson.interval(count, units, confidence) for count in (dead, linear, bent)]
    return DataShares(dead, linear, bent, *intervals)


def biases_at_samples(W: ArrayLike, X: ArrayLike, chosen: Sequence[int] | NDArray[np.int64]) -> Array:
    """Biases for which each unit's corner goes through a chosen sample.

        b_i = -w_i . x_chosen(i)

    A unit whose sample lies strictly inside the data along w_i is bent. Choose samples at random for corners that are as
    dense as the data.

    Args:
        W: (k, d), or (k,) for d = 1.
        X: (n, d), or (n,) for d = 1.
        chosen: (k,) indices of samples, one per unit.

    Returns:
        (k,).

    Raises:
        ValueError: shapes that do not fit.
        IndexError: an index outside the data.

    >>> biases_at_samples([2.0, -1.0], [0.5, 3.0], [0, 1]).tolist()
    [-1.0, 3.0]
    """
    w, x = _pair(W, X)
    index = np.asarray(chosen)
    if index.shape != (len(w),):
        raise ValueError(f"Got chosen of shape {index.shape}; need one index for each of the {len(w)} units.")
    return np.asarray(-(w * x[index]).sum(1))


def biases_at_quantiles(W: ArrayLike, X: ArrayLike, levels: ArrayLike | None = None) -> Array:
    """Biases for which each unit is off on a given share of the data.

        b_i = -quantile( w_i . x over the data, level_i )

    Levels inside (0, 1) leave no unit dead and none linear on data that differ along w_i. For d = 1 the corner -b_i/w_i is
    the data's quantile of order level_i where w_i > 0, and 1 - level_i where w_i < 0.

    Args:
        W: (k, d), or (k,) for d = 1.
        X: (n, d), or (n,) for d = 1.
        levels: (k,) in [0, 1], or one number; None for (i + 1/2)/k, i = 0..k-1.

    Returns:
        (k,).

    Raises:
        ValueError: shapes that do not fit, or levels outside [0, 1].

    >>> biases_at_quantiles([1.0, 1.0, -2.0], [0.0, 1.0, 2.0, 3.0, 4.0], [0.25, 0.5, 0.75]).tolist()
    [-1.0, -2.0, 2.0]
    """
    w, x = _pair(W, X)
    if levels is None:
        levels = (np.arange(len(w)) + 0.5) / len(w)
    orders = np.broadcast_to(np.asarray(levels, float), (len(w),))
    if not ((orders >= 0) & (orders <= 1)).all():
        raise ValueError(f"Got levels={levels}; need numbers in [0, 1], the share of data on which a unit is off.")
    return np.array([-np.quantile(x @ row, order) for row, order in zip(w, orders, strict=True)])


def _pair(W: ArrayLike, X: ArrayLike) -> tuple[Array, Array]:
    w, x = np.asarray(W, float), np.asarray(X, float)
    w, x = w[:, None] if w.ndim == 1 else w, x[:, None] if x.ndim == 1 else x
    if w.ndim != 2 or x.ndim != 2 or w.shape[1] != x.shape[1] or not len(x):
        raise ValueError(f"Got W of shape {np.shape(W)} and X of shape {np.shape(X)}; need (k, d) and (n, d), n >= 1.")
    if not (np.isfinite(w).all() and np.isfinite(x).all()):
        raise ValueError("Got weights or data that are not finite; remove those entries first.")
    return w, x
