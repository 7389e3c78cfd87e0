"""Bad arguments, refused in the house form: what was given, what was needed, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def variances(name: str, value: ArrayLike) -> Array:
    """An array of finite numbers not below 0."""
    x = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(x).all() and (x >= 0).all()):
        raise ValueError(f"Got {name}={value!r}; need finite numbers of at least 0. Give a variance, not a logarithm.")
    return x


def variance(name: str, value: float) -> float:
    """One finite number not below 0."""
    x = variances(name, value)
    if x.ndim:
        raise ValueError(f"Got {name} of shape {x.shape}; need one number. Call once per value.")
    return float(x)


def correlations(value: ArrayLike) -> Array:
    """An array of numbers in [-1, 1]; what rounding left outside by less than 1e-12 is put back."""
    x = np.asarray(value, dtype=np.float64)
    if not (np.abs(x) <= 1 + 1e-12).all():
        raise ValueError(f"Got c={value!r}; need correlations in [-1, 1].")
    return np.clip(x, -1.0, 1.0)


def layers(depth: int) -> int:
    """A whole number of layers, at least 0."""
    if isinstance(depth, bool) or int(depth) != depth or depth < 0:
        raise ValueError(f"Got depth={depth!r}; need a whole number of layers, 0 or more.")
    return int(depth)


def plain(x: Array) -> Any:
    """A float for a 0-d array, the array otherwise."""
    return float(x) if np.ndim(x) == 0 else x
