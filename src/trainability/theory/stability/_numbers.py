"""Numbers or arrays in, the same out; and the checks that the files of this folder share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def plain(values: Array) -> Any:
    """Give an array of no dimensions as a float, any other as it is."""
    return float(values) if np.ndim(values) == 0 else values


def over(scale: ArrayLike, sharpness: ArrayLike) -> Any:
    """Give scale / sharpness; infinite where sharpness is 0 or below, nan where it is nan."""
    top, bottom = np.broadcast_arrays(np.asarray(scale, dtype=np.float64), np.asarray(sharpness, dtype=np.float64))
    safe = np.where(bottom > 0, bottom, 1.0)
    return plain(np.where(np.isnan(bottom), np.nan, np.where(bottom > 0, top / safe, np.inf)))


def share(name: str, given: ArrayLike) -> Array:
    """Read numbers of [0, 1).

    Raises:
        ValueError: one is outside, or nan.
    """
    values = np.asarray(given, dtype=np.float64)
    if not np.all((values >= 0) & (values < 1)):
        raise ValueError(f"Got {name}={given!r}; need 0 <= {name} < 1, such as 0.9.")
    return values


def weight_of_new(given: ArrayLike) -> Array:
    """Read the weight on the new gradient, in (0, 1].

    Raises:
        ValueError: one is outside, or nan.
    """
    values = np.asarray(given, dtype=np.float64)
    if not np.all((values > 0) & (values <= 1)):
        raise ValueError(f"Got weight={given!r}; need 0 < weight <= 1. Give the weight on the new gradient.")
    return values


def at_least_zero(name: str, given: ArrayLike) -> Array:
    """Read numbers of [0, inf).

    Raises:
        ValueError: one is negative or not finite.
    """
    values = np.asarray(given, dtype=np.float64)
    if not np.all((values >= 0) & np.isfinite(values)):
        raise ValueError(f"Got {name}={given!r}; need a finite {name} of at least 0.")
    return values


def above_zero(name: str, given: ArrayLike) -> Array:
    """Read numbers of (0, inf).

    Raises:
        ValueError: one is 0, negative or not finite.
    """
    values = np.asarray(given, dtype=np.float64)
    if not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(f"Got {name}={given!r}; need a finite {name} above 0.")
    return values
