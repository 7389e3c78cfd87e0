"""How sure a comparison is: paired differences, and medians of times some of which are infinite."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom
from scipy.stats import t as student


@dataclass(frozen=True)
class Interval:
    """A value and the interval it lies in.

    Args:
        value: the estimate; low, high: the ends.
    """

    value: float
    low: float
    high: float

    def says(self, digits: int = 3) -> str:
        """The interval in words, with so many significant digits."""
        return f"{self.value:.{digits}g} ({self.low:.{digits}g} to {self.high:.{digits}g})"


def mean_of_pairs(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of first - second, pair by pair.

    Args:
        first, second: (n,), n at least 2, in the same order; pairs with a nan make the answer nan.
        confidence: strictly between 0 and 1.

    Returns:
        Interval.

    Raises:
        ValueError: fewer than 2 pairs, or different shapes.

    Example:
        >>> mean_of_pairs([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]).says()
        '2 (-0.484 to 4.48)'
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"Got shapes {a.shape} and {b.shape}; need two lists of the same 2 or more pairs.")
    d = a - b
    half = float(student.ppf((1 + confidence) / 2, len(d) - 1)) * d.std(ddof=1) / sqrt(len(d))
    return Interval(float(d.mean()), float(d.mean() - half), float(d.mean() + half))


def median(times: ArrayLike, confidence: float = 0.95) -> Interval:
    """The median with the interval between two order statistics, which holds for any law; infinite values may be among them.

    Args:
        times: (n,), n at least 1.
        confidence: coverage, at least; the whole range where n is too small for it.

    Returns:
        Interval.

    Raises:
        ValueError: no value.

    Source:
        David and Nagaraja, "Order Statistics", on confidence intervals of quantiles.

    Example:
        >>> median([1, 2, 3, 4, 5, 6, 7, 8, float("inf")]).says()
        '5 (2 to 8)'
    """
    ordered = np.sort(np.asarray(times, dtype=float))
    n = len(ordered)
    if not n:
        raise ValueError("Got no value; need at least 1.")
    below = max(int(binom.ppf((1 - confidence) / 2, n, 0.5)), 0)
    # The interval (x_(r), x_(n+1-r)) covers with 1 - 2 P(Bin < r).
    while below > 0 and 2 * float(binom.cdf(below - 1, n, 0.5)) > 1 - confidence:
        below -= 1
    r = max(below, 1)
    middle = ordered[(n - 1) // 2] if ordered[n // 2] == inf else (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Interval(float(middle), float(ordered[r - 1]), float(ordered[n - r]))
