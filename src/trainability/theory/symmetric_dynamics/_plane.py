"""The angles of a point of the plane, the flow there, and the checks that all of this package shares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def angles(x: Floats, y: Floats, K: int) -> tuple[Floats, Floats, Floats, Floats]:
    """theta, phi*, phi and rho, each angle by atan2: arccos loses half the digits near 0 and pi."""
    theta = np.arctan2(np.sqrt(K - 1) * np.abs(y), x)
    phi_star = np.arctan2(np.hypot(x, np.sqrt(K - 2) * y), y)
    total = np.hypot(np.sqrt(2) * (x + y), 2 * np.sqrt(K - 2) * y)
    phi = 2 * np.arctan2(np.sqrt(2) * np.abs(x - y), total)
    return theta, phi_star, phi, np.hypot(x, np.sqrt(K - 1) * y)


def rates(x: Floats, y: Floats, K: int) -> tuple[Floats, Floats]:
    """(dx/dt, dy/dt) without checks; not a number at x = y = 0 and where x or y is none."""
    theta, phi_star, phi, rho = angles(x, y, K)
    A = (np.pi - phi) * (x - 1 + (K - 1) * y)
    C = (K - 1) * (np.sin(phi_star) / rho - np.sin(phi)) + np.sin(theta) / rho
    dx = -(A + phi * (x - 1) + theta - C * x) / (2 * np.pi)
    dy = -(A + phi * y + (phi_star - phi) - C * y) / (2 * np.pi)
    return dx, dy


def check_k(K: int) -> None:
    """A ValueError unless K is a whole number of at least 2."""
    whole = isinstance(K, (int, float, np.integer, np.floating)) and math.isfinite(K) and int(K) == K
    if not whole:
        raise ValueError(f"Got K={K!r}; need a whole number of students, 2 or more, such as 5.")
    if K < 2:
        raise ValueError(f"Got K={K}; need at least 2 students: one alone has no symmetry to break. See single_relu.")


def checked(x: ArrayLike, y: ArrayLike, K: int) -> tuple[Floats, Floats]:
    """x and y as float arrays, or a ValueError."""
    check_k(K)
    x, y = np.asarray(x, float), np.asarray(y, float)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise ValueError("Got x or y that is not finite; need finite numbers. Lower the learning rate if it diverged.")
    if np.any((x == 0) & (y == 0)):
        raise ValueError(
            "Got x = y = 0, which is w = 0; need a start off 0: the gradient there depends on the direction of approach. "
            "Take (1e-3, 0)."
        )
    return x, y
