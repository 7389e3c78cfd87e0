"""All critical points of the plane that Newton finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainability.theory.symmetric_dynamics._plane import Floats, check_k
from trainability.theory.symmetric_dynamics.field import field
from trainability.theory.symmetric_dynamics.jacobian import jacobian
from trainability.theory.symmetric_dynamics.loss import loss


@dataclass(frozen=True)
class CriticalPoint:
    """A point of the plane where the flow stands still.

    Args:
        x, y: where.
        loss: the population loss there.
        eigenvalues: (2,), of the Hessian in the plane, of the loss per student: those of the flow with the sign
            turned, rising.
        kind: "minimum", "saddle" or "maximum", of the flow in the plane; "degenerate" with an eigenvalue near 0.
    """

    x: float
    y: float
    loss: float
    eigenvalues: Floats
    kind: str


def critical_points(K: int, extent: float = 2.0, starts: int = 21) -> tuple[CriticalPoint, ...]:
    """The critical points of the plane, by damped Newton steps from a grid of starts.

        z <- z - J^-1 F, halved until |F| falls; kept where |F| < 1e-12

    Args:
        K: number of students and teachers, 2 or more.
        extent: the grid covers [-extent, extent]^2, above 0.
        starts: grid points per side, 2 or more. More starts cannot lose a point, and found none beyond the default's for
            K up to 50.

    Returns:
        CriticalPoints by rising loss. Only points that Newton reaches are found: the list has no proof of completeness.

    Raises:
        ValueError: K below 2, a bad extent or too few starts.

    Source:
        Measured here, in the plane of Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> [(abs(round(p.x, 6)), abs(round(p.y, 6)), p.kind) for p in critical_points(2)][:2]
    [(0.0, 1.0, 'minimum'), (1.0, 0.0, 'minimum')]
    """
    check_k(K)
    if not (np.isfinite(extent) and extent > 0) or starts < 2 or starts != int(starts):
        raise ValueError(
            f"Got extent={extent}, starts={starts}; need extent > 0 and a whole starts >= 2. Take the defaults."
        )
    side = np.linspace(-extent, extent, int(starts))
    found: list[tuple[float, float]] = []
    for x0 in side:
        for y0 in side:
            point = newton(x0, y0, K) if x0 or y0 else None
            if point is not None and all(np.hypot(point[0] - x, point[1] - y) > 1e-7 for x, y in found):
                found.append(point)
    points = [_classified(x, y, K) for x, y in found]
    return tuple(sorted(points, key=lambda p: (round(p.loss, 9), p.x)))


def newton(x: float, y: float, K: int, steps: int = 60) -> tuple[float, float] | None:
    """Damped Newton from one start to a critical point of the plane.

        z <- z - J^-1 F, halved until |F| falls

    Args:
        x, y: the start, not both 0.
        K: number of students and teachers, 2 or more.
        steps: at most so many.

    Returns:
        (x, y) with |F| < 1e-12, or None where the steps end elsewhere.

    Raises:
        ValueError: as `field`.

    Source:
        Standard; used here on the field of Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> [round(v, 6) for v in newton(-0.6, 0.4, 5)]
    [-0.594076, 0.396729]
    """
    z = np.array([float(x), float(y)])
    F = np.array(field(z[0], z[1], K))
    for _ in range(steps):
        if np.abs(F).max() < 1e-15:
            break
        step = np.linalg.lstsq(jacobian(z[0], z[1], K), F, rcond=1e-12)[0]
        scale = 1.0
        while scale > 1e-4:
            trial = z - scale * step
            if np.hypot(*trial) > 1e-9:
                F_trial = np.array(field(trial[0], trial[1], K))
                if np.abs(F_trial).max() < np.abs(F).max():
                    break
            scale /= 2
        else:
            break
        z, F = trial, F_trial
    good = np.abs(F).max() < 1e-12 and np.hypot(*z) > 1e-6
    return (float(z[0]) + 0.0, float(z[1]) + 0.0) if good else None


def _classified(x: float, y: float, K: int) -> CriticalPoint:
    values = np.sort(-np.linalg.eigvals(jacobian(x, y, K)).real)
    kind = "minimum" if values[0] > 0 else "maximum" if values[1] < 0 else "saddle"
    if np.abs(values).min() < 1e-9:
        kind = "degenerate"
    return CriticalPoint(x, y, float(loss(x, y, K)), values, kind)
