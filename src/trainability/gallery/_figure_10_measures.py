"""What Figure 10 measures: the curves, the least gradient over all lengths, and the two collinear points."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar, nnls

from trainability.theory import critical_region as region
from trainability.theory.descent import descend
from trainability.theory.normal_equations import separable
from trainability.theory.teacher_student import gradient, hessian

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One panel of the source's figure.

    Args:
        T: angle between the students, radian.
        phi: the teacher's angle, radian.
        L12, L21: the closed forms there.
        generic: largest difference of both from the generic solve of the normal equations.
        extrema: of L_12, by an optimiser.
    """

    T: float
    phi: Floats
    L12: Floats
    L21: Floats
    generic: float
    extrema: region.Extrema


@dataclass(frozen=True)
class Collinear:
    """The source's collinear point and the true one.

    Args:
        angle: between the two teachers, radian.
        ratio: of the teachers' lengths, |v_2|/|v_1|, with |v_1| = 1.
        told: length of each student's gradient at the source's point, by the formula.
        source: the same, measured on the exact gradient.
        true: largest entry of the exact gradient at the true point, over both points and shares 0.5 and 0.3.
        end: where the first descent of one student ends: angle from the first teacher, radian, and length.
        off: largest distance between where those descents end and the true point.
        least: least Hessian eigenvalue at the true point, the largest of those over the ratios.
        left: descents from 1e-3 beside the true point that reach the teacher, loss below 1e-6.
        runs: descents.
    """

    angle: float
    ratio: Floats
    told: Floats
    source: Floats
    true: Floats
    end: tuple[float, float]
    off: float
    least: float
    left: int
    runs: int


def curve(T: float) -> Curve:
    """L_12 and L_21 over the teacher's angle, and how far they are from the generic solve.

    Args:
        T: angle between the students, radian.

    Returns:
        Curve.
    """
    phi = np.linspace(0, 2 * pi, 721)
    L12, L21 = region.separable_12(phi, T), region.separable_21(phi, T)
    L = separable(rays((0.0, T)), rays(phi))
    off = max(float(np.abs(L[:, 0, 1] - L12).max()), float(np.abs(L[:, 1, 0] - L21).max()))
    return Curve(T, phi, L12, L21, off, region.extrema(T))


def least_gradient(phi: tuple[float, float], T: float) -> float:
    """The smallest gradient over all lengths of two students and of two teachers, whose lengths sum to 1.

    With the directions fixed the gradient is linear in the lengths: non-negative least squares gives the students',
    and the result is convex in how the teachers share theirs.

    Args:
        phi: angles of the teachers, radian.
        T: angle between the students, radian.

    Returns:
        Length of the gradient of both students together.
    """
    E, teachers = rays((0.0, T)), rays(phi)
    g = np.array([[gradient(np.diag(w) @ E, v[None]).ravel() for w in ((1, 1), (2, 1), (1, 2))] for v in teachers])
    A = np.stack([g[0, 1] - g[0, 0], g[0, 2] - g[0, 0]], axis=1)
    pull = A.sum(axis=1) - g[:, 0]

    def left(share: float) -> float:
        return float(nnls(A, share * pull[0] + (1 - share) * pull[1])[1])

    best = minimize_scalar(left, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-10})
    return min(left(0.0), left(1.0), float(best.fun))


def collinear(angle: float, runs: int) -> Collinear:
    """The gradient at both collinear points over the ratio of the teachers' lengths, and descents at ratio 2.

    Args:
        angle: between the teachers, radian.
        runs: descents of each kind.

    Returns:
        Collinear.
    """
    ratio = np.geomspace(0.25, 4, 17)
    told, source, true, least = [], [], [], []  # one entry per ratio
    for r in ratio:
        V = rays((0.0, angle)) * np.array([[1.0], [r]])
        told.append(region.bisector_gradient(V))
        source.append(float(np.linalg.norm(gradient(region.bisector_point(V), V), axis=1).max()))
        points = region.collinear_points(V)
        true.append(max(float(np.abs(gradient(p.weights(s), V)).max()) for p in points for s in (0.5, 0.3)))
        least.append(float(np.linalg.eigvalsh(hessian(points[0].weights(), V))[0]))
    V = rays((0.0, angle)) * np.array([[1.0], [2.0]])
    point = region.collinear_points(V)[0]
    rng = np.random.default_rng([10, round(1e3 * angle)])
    # One student's gradient is that of two equal ones, so it shows where the collinear line itself leads.
    ends = descend(rng.normal(size=(runs, 1, 2)), V, lr=0.3, tol=1e-12).W[:, 0]
    off = float(np.abs(ends - point.total_length * point.direction).max())
    near = np.stack([point.weights(s) for s in rng.uniform(0.2, 0.8, runs)]) + rng.normal(0, 1e-3, (runs, 2, 2))
    left = int((descend(near, V, lr=0.3, tol=1e-10, floor=1e-7).loss < 1e-6).sum())
    return Collinear(
        angle,
        ratio,
        np.array(told),
        np.array(source),
        np.array(true),
        end=(float(np.arctan2(ends[0, 1], ends[0, 0])), float(np.hypot(*ends[0]))),
        off=off,
        least=max(least),
        left=left,
        runs=runs,
    )


def rays(angles: ArrayLike) -> Floats:
    """Unit vectors in the plane, (n, 2)."""
    angles = np.asarray(angles, dtype=np.float64)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def limit_error(T: float) -> float:
    """Largest share by which L_12/T^3 and L_21/T^3 differ from the limit, over teachers in and beside the cone."""
    worst = 0.0
    for x in (-2.0, -0.5, 0.1, 0.5, 0.9, 1.5, 3.0):
        for value, at in zip(region.precise(x * T, T, digits=60), (x, 1 - x), strict=True):
            worst = max(worst, abs(value / T**3 / float(region.narrow_cone(at)) - 1))
    return worst
