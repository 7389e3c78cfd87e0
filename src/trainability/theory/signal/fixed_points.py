"""Where variance and correlation settle in a deep network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from trainability.theory.signal._numbers import Array, variance
from trainability.theory.signal.activation import Activation
from trainability.theory.signal.maps import c_gap, chi_1, mean_square, q_slope
from trainability.theory.signal.quadrature import NotFiniteError
from trainability.theory.signal.table import ActivationLike, resolve

_PER_DECADE = 16
_FLOOR, _CEILING = 1e-28, 1e28
_EXACT = 4e-15
"""Relative change below which a variance counts as unchanged."""


class FixedPoint(NamedTuple):
    """Where a deep network settles: variance `q`, correlation `c`."""

    q: float
    c: float


class VarianceFixedPoint(NamedTuple):
    """A fixed point `q` of the q-map and the map's `slope` there: stable where it is between -1 and 1."""

    q: float
    slope: float


def fixed_point(activation: ActivationLike, sigma_w2: float, sigma_b2: float, q0: float = 1.0) -> FixedPoint:
    """Where pre-activation variance and the correlation of two inputs settle with depth.

        q* = q-map(q*),   c* = C(c*) at q*

    q* is the fixed point next to `q0` in the direction in which the map moves q0: where the map rises with q, the
    one that depth leads to from q0. c* is 1 where chi_1 <= 1 (ordered: C is convex on [0, 1], so nothing else attracts)
    and the one root below 1 where chi_1 > 1 (chaotic); it is found from 1 - C(1 - gap), so that it keeps 12 digits
    next to the edge. Both are found by bracketing and Brent's method, never by iteration, which is slow there.

    Degenerate cases:

    - no finite fixed point (ReLU with sigma_w2 > 2, or = 2 with a bias): q* = inf; c* is that of the activation's
      slopes far out, 1 for the ReLU;
    - the signal dies (tanh with sigma_b2 = 0 and sigma_w2 <= 1): q* = 0 and c* = 1, the limit of a small sigma_b2;
    - every q is fixed (ReLU at (2, 0), linear at (1, 0)): q* = q0, which is 1, the variance of standardised inputs;
      c* = 1, for linear by convention, because every c is fixed too.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.
        q0: where to start from, above 0.

    Returns:
        (q*, c*), a named tuple.

    Raises:
        ValueError: for a bad variance.

    Source:
        Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232.

    >>> q, c = fixed_point("tanh", 2.0, 0.05)
    >>> round(q, 6), round(c, 6)
    (0.721762, 0.744082)
    >>> fixed_point("relu", 2.5, 0.0)
    FixedPoint(q=inf, c=1.0)
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    q = fixed_q(act, w, b, q0)
    return FixedPoint(q, _fixed_c(act, w, b, q))


def variance_fixed_points(
    activation: ActivationLike, sigma_w2: float, sigma_b2: float, between: tuple[float, float] = (1e-8, 1e4)
) -> list[VarianceFixedPoint]:
    """All isolated fixed points of the q-map in a range, ascending, with their slopes.

    GELU and SiLU, whose slope at 0 is smaller than far out, have a stable one at 0 and an unstable one above it.
    Two that lie within 15% of each other may be missed.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.
        between: the range of q, both above 0; 0 is added where it is a fixed point.

    Returns:
        The fixed points; empty where there is none.

    Raises:
        ValueError: for a bad variance or range.

    >>> [(round(q, 4), round(slope, 4)) for q, slope in variance_fixed_points("tanh", 2.0, 0.0)]
    [(0.0, 2.0), (0.618, 0.5525)]
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    low, high = between
    if not 0 < low < high < np.inf:
        raise ValueError(f"Got between={between}; need two ascending finite numbers above 0.")
    grid = np.geomspace(low, high, max(2, int(_PER_DECADE * np.log10(high / low)) + 1))
    move = _move(act, w, b, grid)
    found = [0.0] if b == 0 and act(0.0) == 0 else []
    found += [_root(act, w, b, *grid[i : i + 2]) for i in np.nonzero(move[:-1] * move[1:] < 0)[0]]
    found += [float(q) for q in grid[move == 0]] if not (move == 0).all() else []
    return [VarianceFixedPoint(q, q_slope(act, w, b, q)) for q in sorted(found)]


def fixed_q(act: Activation, w: float, b: float, q0: float = 1.0) -> float:
    """q* as `fixed_point` defines it."""
    if variance("q0", q0) == 0:
        raise ValueError("Got q0=0; need a start above 0. Give the variance of a layer's pre-activations.")
    if act.slopes is not None:
        rate = w * (act.slopes[0] ** 2 + act.slopes[1] ** 2) / 2
        if abs(rate - 1) <= _EXACT and b == 0:
            return float(q0)
        return b / (1 - rate) if rate < 1 - _EXACT else np.inf
    first = float(_move(act, w, b, np.array([q0]))[0])
    if abs(first) <= _EXACT:
        return float(q0)
    floor = _FLOOR
    if b == 0 and act(0.0) == 0 and w * sum(s**2 for s in act.slopes_at_zero()) / 2 <= 1 + _EXACT:
        floor = 1e-13  # below it the map is q times at most 1 to rounding, and the answer is 0
    step = 10.0 if first > 0 else 0.1
    low = float(q0)
    while floor < low < _CEILING:
        grid = np.geomspace(low, low * step, _PER_DECADE + 1)
        move = _move(act, w, b, grid[1:])
        turned = np.nonzero(move * first <= 0)[0]
        if len(turned):
            i = int(turned[0])
            if first > 0 and grid[i] > 1e10 and w * sum(s**2 for s in act.slopes_far()) / 2 > 1 - 1e-11:
                break  # sigma_b² is lost in the rounding of a map that is q times 1
            return float(grid[i + 1]) if move[i] == 0 else _root(act, w, b, *sorted((grid[i], grid[i + 1])))
        low = float(grid[-1])
    return np.inf if first > 0 else 0.0


def _move(act: Activation, w: float, b: float, q: Array) -> Array:
    """q-map(q)/q - 1, infinite where the activation's mean square is."""
    try:
        square = mean_square(act, q)
    except NotFiniteError:
        if len(q) == 1:
            return np.array([np.inf])
        return np.concatenate([_move(act, w, b, x[None]) for x in q])
    return (w * square + b) / q - 1.0


def _root(act: Activation, w: float, b: float, low: float, high: float) -> float:
    def move(log_q: float) -> float:
        return float(_move(act, w, b, np.exp(np.array([log_q])))[0])

    return float(np.exp(brentq(move, np.log(low), np.log(high), xtol=1e-15, rtol=1e-15)))


def _fixed_c(act: Activation, w: float, b: float, q: float) -> float:
    if q == 0:
        return 1.0
    if np.isposinf(q):
        below, above = act.slopes_far()
        slope = 1.0 if below or above else np.inf
    else:
        slope = chi_1(act, w, b, q)
    if slope <= 1 + 1e-13:
        return 1.0

    def chord(log_gap: float) -> float:
        gap = np.exp(log_gap)
        return float(c_gap(act, np.array(gap), w, b, q)) / gap - 1.0

    if chord(0.0) >= -1e-15:  # C(0) = 0, as for an odd activation without a bias
        return 0.0
    low = np.log(min(1e-3, (slope - 1) * 1e-3 if np.isfinite(slope) else 1e-3))
    while chord(low) <= 0:
        low -= 5.0
        if low < -36:
            return 1.0
    gap = float(np.exp(brentq(chord, low, 0.0, xtol=1e-15, rtol=1e-15)))
    return 1.0 - gap
