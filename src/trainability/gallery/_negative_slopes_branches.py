"""Followed from absolute values to ReLUs: the minima of networks in which some units sit opposite to their teachers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainability.theory.critical_points import newton
from trainability.theory.teacher_student import hessian, loss

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Branch:
    """One family of critical points over the slope.

    Args:
        k: units on k orthonormal teachers; j: of them opposite to theirs.
        slope: (n,), rising from -1, where the opposite is the teacher's function again.
        loss: (n,), at each.
        ends: the slope at which the point stops being a minimum (its least curvature passes 0, or it turns back), nan if it
            is one up to the last slope.
    """

    k: int
    j: int
    slope: Floats
    loss: Floats
    ends: float

    def at(self, slope: float) -> float:
        """The loss at a slope, that of 1/slope times slope² below -1; nan where it is no minimum."""
        if slope < -1:
            return slope * slope * self.at(1 / slope)
        if not self.slope[0] <= slope <= self.slope[-1] + 1e-12:
            return float("nan")
        return float(np.interp(slope, self.slope, self.loss))


def follow(k: int, j: int, through: tuple[float, ...], step: float = 0.01) -> Branch:
    """Follow it by Newton's method from slope -1 on, in steps, through given slopes.

    Args:
        k: units; j: opposite ones, 1 to k.
        through: slopes above -1 that are met exactly.
        step: largest.

    Returns:
        Branch.
    """
    V = np.eye(k)
    W = np.diag([-1.0] * j + [1.0] * (k - j))
    slopes = np.unique(
        np.round([*np.arange(-1 + step, max(through) + step / 2, step), *(c for c in through if c > -1)], 12)
    )
    seen, losses = [-1.0], [0.0]
    for c in slopes:
        there, norm = newton(W, V, slope=float(c))
        least = np.linalg.eigvalsh(hessian(there, V, slope=float(c)))[0]
        if norm > 1e-9 or np.abs(there - W).max() > 0.3 or least <= 0:
            return Branch(k, j, np.array(seen), np.array(losses), float(c))
        W = there
        seen.append(float(c))
        losses.append(float(loss(W, V, slope=float(c))))
    return Branch(k, j, np.array(seen), np.array(losses), float("nan"))
