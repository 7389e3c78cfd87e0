"""Shares in the words of a claim."""

from __future__ import annotations

from trainability.theory.wilson import interval


def words(hits: int, count: int) -> str:
    """A share and its 95% Wilson interval.

    >>> words(5, 10)
    '0.500 [0.237, 0.763]'
    """
    lo, hi = interval(hits, count)
    return f"{hits / count:.3f} [{lo:.3f}, {hi:.3f}]"
