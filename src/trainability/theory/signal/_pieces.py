"""Where a function is smooth: the panels on which a polynomial of degree 15 is as good as the function.

A Gauss rule converges fast on each such panel and slowly across a kink, so kinks are searched for by bisection until
the panel that holds one is as narrow as float64 allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainability.theory.signal._numbers import Array

ORDER = 16
_NODES = np.cos(np.pi * (np.arange(ORDER) + 0.5) / ORDER)
_TO_COEFFICIENTS = (2.0 / ORDER) * np.cos(np.pi * np.outer(np.arange(ORDER), np.arange(ORDER) + 0.5) / ORDER)
_TO_COEFFICIENTS[0] /= 2.0

_LADDER = (3e-14, 1e-12, 1e-9, 1e-7)
"""Relative residuals that are tried in turn: a function computed in float32 ends at the last."""
_MOST_PANELS = 6000


@dataclass(frozen=True, eq=False)
class Pieces:
    """Ascending `breaks` `(n + 1,)`, Chebyshev `coefficients` `(n, 16)`, the `kinks` among the breaks, the residual.

    `jumps` says that the function itself is not continuous at some kink.
    """

    breaks: Array
    coefficients: Array
    kinks: Array
    residual: float
    jumps: bool

    def derivative(self, u: Array) -> Array:
        """The derivative of the piecewise polynomial at `u`, from the right at a break."""
        index = np.clip(np.searchsorted(self.breaks, u, side="right") - 1, 0, len(self.breaks) - 2)
        half = (self.breaks[index + 1] - self.breaks[index]) / 2
        t = np.clip((u - self.breaks[index]) / half - 1.0, -1.0, 1.0)
        slopes = np.polynomial.chebyshev.chebder(self.coefficients, axis=1)
        b1, b2 = np.zeros_like(t), np.zeros_like(t)
        for k in range(slopes.shape[1] - 1, 0, -1):
            b1, b2 = slopes[index, k] + 2 * t * b1 - b2, b1
        return (slopes[index, 0] + t * b1 - b2) / half


def pieces(functions: list[Callable[[Array], Array]], kinks: tuple[float, ...], reach: float) -> Pieces:
    """Panels of [-reach, reach] on which all `functions` are resolved; the coefficients are the first one's.

    Raises:
        ValueError: where even a relative residual of 1e-7 is out of reach of 6000 panels.
    """
    powers = 2.0 ** np.arange(-2, np.ceil(np.log2(reach)) + 1)
    start = np.unique(np.concatenate([-powers, [0.0], powers, [k for k in kinks if abs(k) < reach]]))
    for tolerance in _LADDER:
        try:
            found: set[float] = set(kinks)
            breaks, more = _bisect(functions, start, tolerance)
            if more:  # start again from the kinks, so that their neighbours are wide panels
                found |= set(more)
                kept = start[~np.isclose(start[:, None], np.array(more), rtol=1e-12, atol=1e-13).any(axis=1)]
                breaks, _ = _bisect(functions, np.unique(np.concatenate([kept, more])), tolerance)
        except _TooManyError:
            continue
        else:
            coefficients = _coefficients(functions[0], breaks)
            limit = max(1e-5, 1e4 * tolerance)
            values = _disagree(coefficients, breaks, 0, 1e-5)
            bent = np.any([values, *(_disagree(coefficients, breaks, order, limit) for order in (1, 2))], axis=0)
            here = np.array(sorted(found | set(breaks[1:-1][bent])))
            return Pieces(breaks, coefficients, here, tolerance, bool(values.any()))
    raise ValueError(
        f"Got an activation that {_MOST_PANELS} panels of degree {ORDER - 1} on [-{reach:g}, {reach:g}] do not resolve "
        f"to {_LADDER[-1]:g}; need one that is smooth between a few kinks. Is it random, or does it oscillate faster "
        "and faster? Check it, or ask for a smaller variance."
    )


class _TooManyError(Exception):
    pass


def _disagree(coefficients: Array, breaks: Array, order: int, limit: float) -> Array:
    """Whether the derivative of that order is another from the left than from the right, per inner break."""
    half = np.diff(breaks)[:, None] / 2
    slopes = np.polynomial.chebyshev.chebder(coefficients, order, axis=1) / half**order
    left, right = slopes[:-1].sum(axis=1), slopes[1:] @ (-1.0) ** np.arange(slopes.shape[1])
    sizes = np.abs(coefficients).sum(axis=1)
    scale = np.maximum(sizes, 1e-4 * np.median(sizes)) / half[:, 0] ** order
    return np.abs(right - left) > limit * np.maximum(scale[:-1], scale[1:]) + 1e-300


def _coefficients(function: Callable[[Array], Array], breaks: Array) -> Array:
    mid, half = (breaks[1:] + breaks[:-1]) / 2, (breaks[1:] - breaks[:-1]) / 2
    return function(mid[:, None] + half[:, None] * _NODES) @ _TO_COEFFICIENTS.T


def _bisect(functions: list[Callable[[Array], Array]], start: Array, tolerance: float) -> tuple[Array, list[float]]:
    """Breaks after bisection, and the midpoints of panels that stayed unresolved down to the last bit."""
    low, high = start[:-1], start[1:]
    floors = [1e-4 * np.abs(f(np.linspace(-1.0, 1.0, 33))).max() + 1e-300 for f in functions]
    done: list[Array] = [start]
    total = len(low)
    while len(low):
        bad = np.zeros(len(low), dtype=bool)
        mid, half = (low + high) / 2, (high - low) / 2
        points = mid[:, None] + half[:, None] * _NODES
        for function, floor in zip(functions, floors, strict=True):
            values = function(points)
            tail = np.abs(values @ _TO_COEFFICIENTS[-3:].T).max(axis=1)
            bad |= tail > tolerance * np.maximum(np.abs(values).max(axis=1), floor)
        last = bad & (half <= 2e-15 * np.maximum(np.abs(mid), 1e-2))
        split = bad & ~last
        total += int(split.sum())
        if total > _MOST_PANELS:
            raise _TooManyError
        done.append(mid[split])
        low, high = np.concatenate([low[split], mid[split]]), np.concatenate([mid[split], high[split]])
    breaks = np.unique(np.concatenate(done))
    kinks = _narrowest(breaks)
    known = np.isclose(np.array(kinks)[:, None], start, rtol=1e-12, atol=1e-13).any(axis=1) if kinks else []
    return breaks, [k for k, old in zip(kinks, known, strict=True) if not old]


def _narrowest(breaks: Array) -> list[float]:
    """The middle of the narrowest panel in each run of very narrow ones, which close in on a kink."""
    width, mid = np.diff(breaks), (breaks[1:] + breaks[:-1]) / 2
    narrow = width < 1e-6 * np.maximum(np.abs(mid), 1e-2)
    runs = np.split(np.nonzero(narrow)[0], np.nonzero(np.diff(np.nonzero(narrow)[0]) > 1)[0] + 1)
    return [float(mid[run[np.argmin(width[run])]]) for run in runs if len(run)]
