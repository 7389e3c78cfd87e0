"""Closed forms of Gaussian means: piecewise linear through 0, erf, sine and cosine."""

from __future__ import annotations

import numpy as np

from trainability.theory.signal._numbers import Array
from trainability.theory.signal.activation import ClosedForms


def arc_cosine(c: Array) -> Array:
    """2 E relu(u1) relu(u2) for unit variances: (sqrt(1 - c²) + (pi - arccos c) c)/pi."""
    return (np.sqrt((1 - c) * (1 + c)) + (np.pi - np.arccos(c)) * c) / np.pi


def two_slopes(below: float, above: float) -> ClosedForms:
    """Those of phi(u) = above u for u > 0, below u for u < 0: arc-cosine kernels of order 1 and 0.

    Source:
        Cho and Saul 2009, "Kernel methods for deep learning", for the ReLU; phi(u) = below u + (above - below) relu(u)
        gives the rest.
    """
    both = (below**2 + above**2) / 2

    def pair(q: float, c: Array) -> Array:
        return q * ((above - below) ** 2 * arc_cosine(c) / 2 + above * below * c)

    def slope_pair(q: float, c: Array) -> Array:
        return (above - below) ** 2 * (np.pi - np.arccos(c)) / (2 * np.pi) + above * below + 0.0 * c

    return ClosedForms(
        mean_square=lambda q: q * both, slope_square=lambda q: both + 0.0 * q, pair=pair, slope_pair=slope_pair
    )


def _erf_pair(q: float, c: Array) -> Array:
    return 2 / np.pi * np.arcsin(2 * q * c / (1 + 2 * q))


def _erf_slope_pair(q: float, c: Array) -> Array:
    return 4 / np.pi / np.sqrt((1 + 2 * q * (1 - c)) * (1 + 2 * q * (1 + c)))


def _erf_gap(q: float, gap: Array) -> Array:
    # sin(A - B) = (x² - y²)/(x sqrt(1 - y²) + y sqrt(1 - x²)) for A = asin x, B = asin y, y = c x
    x = 2 * q / (1 + 2 * q)
    y = (1 - gap) * x
    cos_x, cos_y = np.sqrt(1 + 4 * q) / (1 + 2 * q), np.sqrt((1 - y) * (1 + y))
    near = np.arcsin(np.clip(x * x * gap * (2 - gap) / (x * cos_y + np.abs(y) * cos_x), 0.0, 1.0))
    return 2 / np.pi * np.where(y >= 0, near, np.arcsin(x) - np.arcsin(y))


ERF = ClosedForms(
    mean_square=lambda q: 2 / np.pi * np.arctan2(q, np.sqrt(q + 0.25)),
    slope_square=lambda q: 4 / np.pi / np.sqrt(1 + 4 * q),
    pair=_erf_pair,
    slope_pair=_erf_slope_pair,
    gap=_erf_gap,
)
"""E erf² = (2/pi) asin(2q/(1 + 2q)), written as an arc tangent that keeps its digits at large q.

Source: Williams 1997, "Computing with infinite networks".
"""


def _difference(q: float, c: Array) -> Array:
    return np.sign(c) * np.exp(-q * (1 - np.abs(c))) * -np.expm1(-2 * q * np.abs(c)) / 2


def _sum(q: float, c: Array) -> Array:
    return (np.exp(-q * (1 - c)) + np.exp(-q * (1 + c))) / 2


SIN = ClosedForms(
    mean_square=lambda q: -np.expm1(-2 * q) / 2,
    slope_square=lambda q: (1 + np.exp(-2 * q)) / 2,
    pair=_difference,
    slope_pair=_sum,
    gap=lambda q, gap: -np.expm1(-q * gap) * (1 + np.exp(-q * (2 - gap))) / 2,
)
"""E sin u1 sin u2 = exp(-q) sinh(q c), from the characteristic function of u1 - u2 and u1 + u2."""

COS = ClosedForms(
    mean_square=SIN.slope_square,
    slope_square=SIN.mean_square,
    pair=_sum,
    slope_pair=_difference,
    gap=lambda q, gap: -np.expm1(-q * gap) * -np.expm1(-q * (2 - gap)) / 2,
)
"""E cos u1 cos u2 = exp(-q) cosh(q c)."""
