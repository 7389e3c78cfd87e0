"""What the catapult of a product of two vectors, and of a wide ReLU network, must do; no network is trained here.

Linear: see the head of `catapult`.

ReLU, f = u.relu(v)/sqrt n with every input 1: all units that are still active have gone through the same linear maps,
u + v by A = prod(1 - k), u - v by B = prod(1 + k) with k = lr f/sqrt n. So a unit that began at angle t of the plane (u, v)
is active for as long as each of these maps left it v > 0, and those angles are an interval. A wide network is then four
numbers, A, B and the interval's ends: f/sqrt n and the sharpness are integrals over it. Chance enters in one number, the
first f/sqrt n, normal with variance 1/(2n): it is put in as a tilt 1 + a cos t of the density of angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def advance(c: Array, g: Array) -> tuple[Array, Array]:
    """One step of the linear network: c = lr · sharpness and g = lr² f²/n.

        c' = c + g (c - 4),   g' = g (1 - c + g)²

    Args:
        c: any shape.
        g: the same shape, 0 <= 4 g <= c².

    Returns:
        Both after the step.

    >>> advance(np.array(4.0), np.array(1.0))
    (np.float64(4.0), np.float64(4.0))
    """
    return c + g * (c - 4), g * (1 - c + g) ** 2


def wide_ends(c0: float, phases: int = 400, steps: int = 20_000) -> Array:
    """Where lr · sharpness ends in the limit of infinite width, for all phases of the start.

    While g is small it grows (c - 1)² times per step, so that the end depends on the first g only through its phase within
    one such factor. g begins at 1e-10 times all of them.

    Args:
        c0: lr times the first sharpness, between 2 and 4.
        phases: how many.
        steps: most steps; a start stops when g has gone.

    Returns:
        (phases,).

    >>> wide_ends(2.5, 50).round(4).max()
    np.float64(1.2823)
    """
    g = 1e-10 * (c0 - 1) ** (2 * np.arange(phases) / phases)
    c = np.full(phases, c0)
    for _ in range(steps):
        c, g = advance(c, g)
        if bool(((g < 1e-20) & (c < 2)).all()):
            break
    return c


@dataclass(frozen=True)
class Wide:
    """Ends of wide ReLU networks.

    Args:
        output: lr f/sqrt n at the end.
        c: lr · sharpness at the end.
        active: share of units that are active at the end; 1/2 at the start.
    """

    output: Array
    c: Array
    active: Array


def wide_relu(c0: float, first: Array, steps: int = 400) -> Wide:
    """Train infinitely wide ReLU networks, one for each first output.

    Args:
        c0: lr times the first sharpness.
        first: (m,), first f/sqrt n in units of the first sharpness, small.
        steps: updates.

    Returns:
        Wide, arrays (m,).

    >>> round(float(wide_relu(2.5, np.array([0.01])).c[0]), 2)
    1.51
    """
    tilt = 1.5 * pi * np.asarray(first, dtype=np.float64)
    low, high = np.zeros_like(tilt), np.full_like(tilt, pi)
    A, B = np.ones_like(tilt), np.ones_like(tilt)
    for step in range(steps + 1):
        uu, uv, vv = _moments(high, tilt) - _moments(low, tilt)
        a, b = (A + B) / 2, (A - B) / 2  # u -> a u + b v, v -> b u + a v
        f = a * b * (uu + vv) + (a * a + b * b) * uv
        c = c0 * ((a * a + b * b) * (uu + vv) + 4 * a * b * uv)
        if step == steps:
            break
        A, B = A * (1 - c0 * f), B * (1 + c0 * f)
        low, high = _meet(low, high, np.arctan2((A + B) / 2, (A - B) / 2))
    return Wide(c0 * f, c, (high - low) / (2 * pi))


def _moments(t: Array, tilt: Array) -> Array:
    """Integrals from 0 to t of (cos², cos sin, sin²) (1 + tilt cos) / pi."""
    c, s = np.cos(t), np.sin(t)
    return (
        np.stack(
            [
                (t + s * c) / 2 + tilt * (s - s**3 / 3),
                s * s / 2 - tilt * c**3 / 3,
                (t - s * c) / 2 + tilt * s**3 / 3,
            ]
        )
        / pi
    )


def _meet(low: Array, high: Array, middle: Array) -> tuple[Array, Array]:
    """The part of (low, high) within a right angle of `middle`; of length 0 where there is none."""
    new_low, new_high = np.zeros_like(low), np.zeros_like(high)
    for turn in (-2 * pi, 0.0, 2 * pi):
        x = np.maximum(low, middle - pi / 2 + turn)
        y = np.minimum(high, middle + pi / 2 + turn)
        longer = y - x > new_high - new_low
        new_low, new_high = np.where(longer, x, new_low), np.where(longer, y, new_high)
    return new_low, new_high
