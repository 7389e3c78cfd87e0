"""The largest and the smallest L_12 over all directions of a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from trainability.theory.critical_region._check import one_angle
from trainability.theory.critical_region.separable import separable_12


@dataclass(frozen=True)
class Extrema:
    """Extrema over the teacher's angle.

    Args:
        T: angle between the students.
        largest: max of L_12, which is that of L_21.
        largest_at: where L_12 takes it, in [0, 2 pi).
        smallest: min of L_12, which is that of L_21.
        smallest_at: where L_12 takes it.
    """

    T: float
    largest: float
    largest_at: float
    smallest: float
    smallest_at: float

    def mirrored(self, phi: float) -> float:
        """Where L_21 takes what L_12 takes at phi: T - phi, in [0, 2 pi)."""
        return float((self.T - phi) % (2 * np.pi))


def extrema(T: float) -> Extrema:
    """Search the extrema of L_12 over phi, in each of the four sectors between the lines of the students.

    Args:
        T: angle between the students, in (0, pi), radian; above 1e-3 for 6 digits in the values.

    Returns:
        Extrema; the places to about 1e-7 radian, as for any extremum in float64.

    Raises:
        ValueError: as `separable_12`.

    Source:
        Tian 2017, arXiv 1703.00560, Figure 10 (a) and (b), shows them for T = 3 pi/8 and 7 pi/8.

    >>> found = extrema(3 * np.pi / 8)
    >>> round(found.largest, 6), round(found.smallest, 6)
    (0.384755, -1.130384)
    """
    T = one_angle(T)
    best: list[tuple[float, float]] = []
    for sign in (-1.0, 1.0):
        found = []
        for low, high in ((0.0, T), (T, np.pi), (np.pi, T + np.pi), (T + np.pi, 2 * np.pi)):
            grid = np.linspace(low, high, 257)
            i = int(np.argmin(sign * separable_12(grid, T)))
            ends = grid[max(i - 1, 0)], grid[min(i + 1, 256)]
            near = minimize_scalar(
                lambda p, sign=sign: sign * float(separable_12(p, T)),
                bounds=ends,
                method="bounded",
                options={"xatol": 1e-10 * (high - low)},
            )
            found.append((float(near.fun), float(near.x)))
        value, at = min(found)
        best.append((sign * value, at % (2 * np.pi)))
    return Extrema(T, *best[0], *best[1])
