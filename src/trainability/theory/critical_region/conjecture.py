"""Conjecture 1 on a grid, and its failures in float64 looked at again in fifty digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainability.theory.critical_region._kernel import ON_BOUNDARY, scan
from trainability.theory.critical_region.cone import in_cone
from trainability.theory.critical_region.precise import precise
from trainability.theory.critical_region.separable import both

MOST_SUSPECTS = 1000


@dataclass(frozen=True)
class ConjectureCheck:
    """The conjecture on a grid.

    Args:
        points: number of (T, phi) looked at, each with L_12 and L_21.
        suspects: (phi, T) where float64 has a wrong sign or a zero, at most 1000 of them.
        suspect_count: how many there are.
        counterexamples: the suspects that are still wrong in high precision.
        smallest: the smallest |L_12| or |L_21| on the grid.
        smallest_at: its (phi, T).
        wrong_12: points where float64 has a wrong sign or a zero of L_12.
        wrong_21: the same for L_21.
    """

    points: int
    suspects: tuple[tuple[float, float], ...]
    suspect_count: int
    counterexamples: tuple[tuple[float, float], ...]
    smallest: float
    smallest_at: tuple[float, float]
    wrong_12: int
    wrong_21: int

    @property
    def holds(self) -> bool:
        """Whether every point has the conjectured sign, and every suspect was looked at again."""
        return not self.counterexamples and self.suspect_count == len(self.suspects)


def check_conjecture(
    angles: int = 10_000,
    directions: int = 10_000,
    T_range: tuple[float, float] = (0.0, np.pi),
    *,
    textbook: bool = False,
) -> ConjectureCheck:
    """Test Conjecture 1 on every midpoint of a grid over (0, pi) x (0, 2 pi), and again in 50 digits where it fails.

        sign L_12 = sign L_21 = +1 for 0 < phi < T, -1 for T < phi < 2 pi   (0 on the boundary, which is left out)

    Args:
        angles: values of T, 1 or more. The source's grid is 10^4 x 10^4.
        directions: values of phi, 1 or more.
        T_range: part of (0, pi) to cover, for a closer look.
        textbook: evaluate the formula as it is written; it cancels in narrow cones and shows wrong signs there.

    Returns:
        ConjectureCheck. A grid is no proof.

    Raises:
        ValueError: an empty grid or a range outside [0, pi].

    Source:
        Tian 2017, arXiv 1703.00560, Conjecture 1, Section 7.2 and Figure 10(c).

    >>> check_conjecture(50, 100).holds
    True
    """
    low, high = map(float, T_range)
    if angles < 1 or directions < 1 or not 0 <= low < high <= np.pi:
        raise ValueError(
            f"Got {angles} x {directions} points, T in {T_range}; need one point at least and 0 <= low < high <= pi."
        )
    rows = scan(angles, directions, low, high, textbook)
    step, width = (high - low) / angles, 2 * np.pi / directions
    suspects: list[tuple[float, float]] = []
    for i in np.flatnonzero(rows[:, 0]):
        T = float(low + (i + 0.5) * step)
        phi = (np.arange(directions) + 0.5) * width
        sign = np.where(in_cone(phi, T), 1.0, -1.0)[:, None]
        wrong = (sign * both(phi, T, textbook) <= 0).any(axis=1) & (np.abs(phi - T) >= ON_BOUNDARY)
        suspects += [(float(p), T) for p in phi[wrong]]
        if len(suspects) >= MOST_SUSPECTS:
            break
    kept = tuple(suspects[:MOST_SUSPECTS])
    bad = tuple(s for s in kept if not _sign_is_right(*s))
    best = int(np.argmin(rows[:, 4]))
    at = (float((rows[best, 5] + 0.5) * width), float(low + (best + 0.5) * step))
    count, wrong_12, wrong_21, left_out = (int(n) for n in rows[:, :4].sum(axis=0))
    return ConjectureCheck(
        angles * directions - left_out, kept, count, bad, float(rows[best, 4]), at, wrong_12, wrong_21
    )


def _sign_is_right(phi: float, T: float) -> bool:
    inside = bool(in_cone(phi, T))
    return all(value != 0 and (value > 0) == inside for value in precise(phi, T))
