"""One leaky ReLU that learns another, of any slopes below 0, in d dimensions: two valleys, their edge, who goes where.

Student s_c(w . x) and teacher s_s(v . x), x ~ N(0, I), s_c(z) = z for z > 0 and c z below. With r = |w|, |v| = 1 and t the
angle between w and v,

    L = (1 + c²) r²/4 + (1 + s²)/4 - r G(t),   G(t) = (1 - c)(1 - s) h(t)/(2 pi) + (c + s)/2 · cos t
    h(t) = (pi - t) cos t + sin t

    dr/dτ = -(1 + c²) r/2 + G(t),   dt/dτ = G'(t)/r,   G'(t) = -sin t [ (1 - c)(1 - s)(pi - t)/(2 pi) + (c + s)/2 ]

The sign of dt/dτ does not know r, so that the edge between two basins of gradient flow is a cone about v. c = s = 0 is the
ReLU, c = s = -1 the absolute value. Exchanging c = s for 1/c multiplies L by 1/c² where c < 0: the landscapes are one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from trainability.theory.teacher_student.angle import angle, norm
from trainability.theory.teacher_student.checks import angles, directions, whole
from trainability.theory.teacher_student.kernel import normalised_kernel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A critical point of the loss, or the ring of those that differ by a rotation about the teacher.

    Args:
        kind: "aligned" or "opposed", minima on the teacher's ray and opposite to it, or "saddle".
        norm: |w|/|v|.
        angle: between w and v, radian.
        loss: there, with the 1/2, over |v|².
        global_: whether no other point has a smaller loss.
        curvatures: eigenvalues of the Hessian: along w, and for turning towards v; the other d - 2 are the second one at a
            minimum and 0 at the saddle.
    """

    kind: str
    norm: float
    angle: float
    loss: float
    global_: bool
    curvatures: tuple[float, float]


def loss(
    norm: ArrayLike, angle: ArrayLike, slope: float, teacher_slope: float | None = None
) -> Array:  # fmt: skip
    """The population loss 1/2 E(student - teacher)² over |v|², in polar coordinates about 0.

        (1 + c²) r²/4 + (1 + s²)/4 - r G(t)

    Args:
        norm: r = |w|/|v|, 0 or more, any shape.
        angle: t in [0, pi], radian; broadcasts with `norm`.
        slope: c, of the student below 0, any finite number.
        teacher_slope: s, of the teacher; None for the student's.

    Returns:
        The loss in that shape.

    Raises:
        ValueError: a slope or norm that is not finite, a norm below 0, an angle outside [0, pi].

    Source: derived here from the arc-cosine kernel, Cho and Saul 2009, eq. 6.

    >>> loss([1.0, 1.0], [0.0, np.pi], -1.0).round(12).tolist()  # |w x| knows no sign
    [0.0, 0.0]
    """
    c, s = _slopes(slope, teacher_slope)
    r, t = np.asarray(norm, float), angles("angle", angle)
    if not (np.isfinite(r) & (r >= 0)).all():
        raise ValueError(f"Got norm={norm!r}; need finite numbers of 0 or more. Give the angle for the direction.")
    return np.asarray((1 + c * c) * r * r / 4 + (1 + s * s) / 4 - r * _common(t, c, s))


def gradient(w: ArrayLike, v: ArrayLike, slope: float, teacher_slope: float | None = None) -> Array:
    """The population gradient in w.

        (1 + c²)/2 w - (1 - c)(1 - s) [ (pi - t) v + |v| sin t w/|w| ]/(2 pi) - (c + s)/2 v

    Args:
        w: (..., d), students, not zero.
        v: (..., d), teachers, not zero.
        slope: c, of the student; teacher_slope: s, None for the student's.

    Returns:
        (..., d).

    Raises:
        ValueError: a zero vector, a number that is not finite, or lengths d that differ.

    Source: derived here; for c = s = 0 Tian 2017, arXiv 1703.00560, Equation 6, per input.

    >>> gradient([-1.0], [1.0], -1.0).round(12).tolist()
    [0.0]
    """
    c, s = _slopes(slope, teacher_slope)
    w, v = directions("w", w), directions("v", v)
    t = angle(w, v)[..., None]
    gates = ((np.pi - t) * v + norm(v)[..., None] * np.sin(t) * w / norm(w)[..., None]) / (2 * np.pi)
    return np.asarray((1 + c * c) / 2 * w - (1 - c) * (1 - s) * gates - (c + s) / 2 * v)


def minima(slope: float, teacher_slope: float | None = None) -> tuple[Point, ...]:
    """All minima of the loss away from 0.

        aligned, iff 1 + c s > 0:  r = (1 + c s)/(1 + c²),  L = (c - s)²/(4 (1 + c²))
        opposed, iff c + s < 0:    r = -(c + s)/(1 + c²),   L = (1 - c s)²/(4 (1 + c²))

    Every curvature at either is (1 + c²)/2. For equal slopes the opposed one exists for every c < 0, at -2 c/(1 + c²) with
    loss (1 - c²)²/(4 (1 + c²)): as good as the teacher for c = -1 only. For a ReLU teacher, s = 0, it is the better of the
    two from c < -1 on.

    Args:
        slope: c, of the student; teacher_slope: s, None for the student's.

    Returns:
        The aligned one first. Empty where neither condition holds: then 0 attracts every start.

    Raises:
        ValueError: a slope that is not finite.

    Source: derived here; in one dimension with s = 0 equal to `leaky_fixed_point.fixed_points`.

    >>> [(p.kind, p.norm, round(p.loss, 6), p.global_) for p in minima(-0.5)]
    [('aligned', 1.0, 0.0, True), ('opposed', 0.8, 0.1125, False)]
    """
    c, s = _slopes(slope, teacher_slope)
    sharp, found = 1 + c * c, []
    if 1 + c * s > 0:
        found.append(("aligned", (1 + c * s) / sharp, 0.0, (c - s) ** 2 / (4 * sharp)))
    if c + s < 0:
        found.append(("opposed", -(c + s) / sharp, math.pi, (1 - c * s) ** 2 / (4 * sharp)))
    least = min((p[3] for p in found), default=0.0)
    return tuple(Point(k, r, t, value, value == least, (sharp / 2, sharp / 2)) for k, r, t, value in found)


def saddle(slope: float, teacher_slope: float | None = None) -> Point | None:
    """The saddle between the two minima, where there are two: a ring of them for d > 2, a pair for d = 2, none for d = 1.

        t = pi (1 + c s)/((1 - c)(1 - s)),   r = (1 - c)(1 - s) sin t/(pi (1 + c²)),   L = (1 + s²)/4 - (1 + c²) r²/4

    Curvatures: (1 + c²)/2 along w, -(1 + c²)/2 for turning towards v, 0 for the d - 2 rotations about v. For equal slopes
    r = sin t/t.

    Args:
        slope: c, of the student; teacher_slope: s, None for the student's.

    Returns:
        The saddle, or None where there are not two minima.

    Raises:
        ValueError: a slope that is not finite.

    Source: derived here.

    >>> at = saddle(-1.0)
    >>> at.angle == math.pi / 2, round(at.norm, 6)
    (True, 0.63662)
    """
    c, s = _slopes(slope, teacher_slope)
    if len(minima(c, s)) < 2:
        return None
    both, sharp = (1 - c) * (1 - s), 1 + c * c
    t = math.pi * (1 + c * s) / both
    r = both * math.sin(t) / (math.pi * sharp)
    return Point(
        "saddle", r, t, (1 + s * s) / 4 - sharp * r * r / 4, False, (sharp / 2, -both * math.sin(t) / (2 * math.pi * r))
    )


def basin_angle(slope: float, teacher_slope: float | None = None) -> float:
    """The angle to the teacher below which gradient flow goes to the aligned minimum, from whatever length.

        pi (1 + c s)/((1 - c)(1 - s))  with two minima;  pi with the aligned one alone;  0 without it

    G is least at that angle and positive there, so that r cannot come to 0, and t moves away from it on either side. For
    equal slopes it is pi (1 + c²)/(1 - c)²: pi as c -> 0-, and least, pi/2, at c = -1. For s = 0 it is pi/(1 - c).

    Args:
        slope: c, of the student; teacher_slope: s, None for the student's.

    Returns:
        The angle in [0, pi], radian.

    Raises:
        ValueError: a slope that is not finite.

    Source: derived here.

    >>> round(basin_angle(-0.5) / math.pi, 6), basin_angle(0.3) / math.pi
    (0.555556, 1.0)
    """
    edge = saddle(slope, teacher_slope)
    if edge is not None:
        return edge.angle
    return math.pi if any(p.kind == "aligned" for p in minima(slope, teacher_slope)) else 0.0


def aligned_share(slope: float, d: int, teacher_slope: float | None = None) -> float:
    """The share of starts with a uniformly distributed direction from which gradient flow goes to the aligned minimum.

        P(t < a) = 1/2 I(sin² a; (d - 1)/2, 1/2)  for a <= pi/2, and 1 - that beyond;  d = 2: a/pi,  d = 3: (1 - cos a)/2

    with a = `basin_angle`. d = 1 has two directions: 1/2 with two minima or c + s = 0, where the start of the wrong sign
    ends at weight 0; 1 for c + s > 0, where it is pushed through 0.

    Args:
        slope: c, of the student.
        d: dimension of the input, 1 or more.
        teacher_slope: s, None for the student's.

    Returns:
        The share.

    Raises:
        ValueError: a slope that is not finite, d below 1.

    Source: derived here; the area of a spherical cap, Li 2011.

    >>> [round(aligned_share(-0.5, d), 4) for d in (1, 2, 3, 10)]
    [0.5, 0.5556, 0.5868, 0.6952]
    """
    c, s = _slopes(slope, teacher_slope)
    d, edge = whole("d", d, 1, "Count the inputs' coordinates."), basin_angle(c, s)
    if d == 1:
        return 0.0 if edge == 0 else 1.0 if c + s > 0 else 0.5
    cap = 0.5 * float(betainc((d - 1) / 2, 0.5, min(1.0, math.sin(edge) ** 2)))
    return cap if edge <= math.pi / 2 else 1 - cap


def _common(t: Array, c: float, s: float) -> Array:
    """G(t): E student teacher over |w| |v|."""
    return (1 - c) * (1 - s) * normalised_kernel(t) / (2 * np.pi) + (c + s) / 2 * np.cos(t)


def _slopes(slope: float, teacher_slope: float | None) -> tuple[float, float]:
    c, s = float(slope), float(slope if teacher_slope is None else teacher_slope)
    if not (math.isfinite(c) and math.isfinite(s)):
        raise ValueError(f"Got slope={slope}, teacher_slope={teacher_slope}; need finite numbers, such as -0.5.")
    return c, s
