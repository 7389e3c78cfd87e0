"""One ReLU learning one ReLU: which starts of gradient flow arrive, and when.

    grad L = (w - v)/2 + [ t v - (|v|/|w|) sin t w ] / (2 pi),   t = angle(w, v)

The distance to the teacher v falls along the flow from every w but 0 and v, not only inside the ball |w - v| < |v| of
the source's Theorem 5; only the ray through 0 opposite to v runs into the singular point 0. In polar coordinates
r = |w|/|v|, t, the flow is

    dr/dt = -r/2 + h(t)/(2 pi),   dt/dt = -(pi - t) sin t/(2 pi r)

and z = log tan(t/2) makes both ends of the angle regular: dz/dt = -(pi - t)/(2 pi r).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from trainability.theory.gating import mass, population
from trainability.theory.teacher_student.angle import angle, norm
from trainability.theory.teacher_student.checks import above_zero, angles, directions, finite, whole
from trainability.theory.teacher_student.kernel import lag, normalised_kernel

Floats = NDArray[np.float64]

STABLE_LR = 4.0
"""Gradient descent at w = v is stable iff lr < 4: the Hessian there is I/2 (loss with 1/2, N = 1)."""


def loss(w: ArrayLike, v: ArrayLike) -> Floats:
    """The population loss of one ReLU against another.

        (|w|^2 + |v|^2)/4 - |w| |v| h(t)/(2 pi)

    Args:
        w: (..., d), student, not zero.
        v: (..., d), teacher, not zero.

    Returns:
        (...), 0 or more.

    Raises:
        ValueError: a zero vector, a number that is not finite, or lengths d that differ.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 2 with K = 1, per input.

    >>> float(loss([-1.0], [1.0]))
    0.5
    """
    w, v = directions("w", w), directions("v", v)
    t, r, s = angle(w, v), norm(w), norm(v)
    return (r - s) ** 2 / 4 + r * s * (2 * np.pi * np.sin(t / 2) ** 2 - lag(t)) / (2 * np.pi)  # pi - h = that bracket


def gradient(w: ArrayLike, v: ArrayLike) -> Floats:
    """The population gradient of one ReLU against another.

        F(w, w) - F(w, v) = (w - v)/2 + [ t v - (|v|/|w|) sin t w ] / (2 pi)

    Args:
        w: (..., d), student, not zero.
        v: (..., d), teacher, not zero.

    Returns:
        (..., d).

    Raises:
        ValueError: as `loss`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 6, per input.

    >>> gradient([2.0, 0.0], [1.0, 0.0]).tolist()
    [0.5, 0.0]
    """
    return mass(w, w) - population(w, v)


def bilinear_form(t: ArrayLike) -> Floats:
    """The matrix M with which the distance to the teacher falls: (w - v).grad L = y'My/(4 pi), y = (|v|, |w|).

        M = [[ sin 2t + 2 pi - 2t,       -(2 pi - t) cos t - sin t ],
             [ -(2 pi - t) cos t - sin t, 2 pi                     ]]

    Args:
        t: angle in [0, pi], radian; any shape.

    Returns:
        (..., 2, 2). It is positive definite for 0 < t < `definite_until()`; beyond, its off-diagonal entry is positive
        and y, of two lengths, makes y'My > 0 all the same.

    Raises:
        ValueError: an angle outside [0, pi].

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 5; that y'My > 0 for every t in (0, pi] is measured here, on a grid.

    >>> bilinear_form(np.pi).round(12).tolist()
    [[0.0, 3.14159265359], [3.14159265359, 6.28318530718]]
    """
    t = angles("t", t)
    side = -(2 * np.pi - t) * np.cos(t) - np.sin(t)
    top = np.sin(2 * t) + 2 * np.pi - 2 * t
    return np.stack([np.stack([top, side], -1), np.stack([side, np.full_like(t, 2 * np.pi)], -1)], -2)


def definite_until() -> float:
    """The angle below which the bilinear form is positive definite (but at 0).

        det M = 2 pi (sin 2t + 2 pi - 2t) - ((2 pi - t) cos t + sin t)^2 = 0

    Returns:
        The root, radian; about 2.3276 or 133 degrees. The source needs t < pi/2 only.

    Source:
        Derived here from Tian 2017, arXiv 1703.00560, Theorem 5.

    >>> round(definite_until(), 6)
    2.327616
    """
    return float(brentq(lambda t: np.linalg.det(bilinear_form(t)), 1.5, 3.0, xtol=1e-15))


def polar_field(r: ArrayLike, t: ArrayLike) -> tuple[Floats, Floats]:
    """The gradient flow in polar coordinates around 0, the teacher at r = 1, t = 0.

        dr/dt = -r/2 + h(t)/(2 pi),   dt/dt = -(pi - t) sin t/(2 pi r)

    Args:
        r: |w|/|v|, above 0; any shape.
        t: angle in [0, pi], radian; broadcasts with r.

    Returns:
        (dr/dt, dt/dt), the angle's never positive.

    Raises:
        ValueError: an r that is not positive and finite, or an angle outside [0, pi].

    Source:
        Derived here from Tian 2017, arXiv 1703.00560, Equation 6.

    >>> dr, dt = polar_field(1.0, 0.0)
    >>> float(dr), float(dt)
    (0.0, -0.0)
    """
    r, t = finite("r", r), angles("t", t)
    if not (r > 0).all():
        raise ValueError(f"Got r={r}; need r > 0: at w = 0 the gradient depends on the direction of approach. Move w.")
    return -r / 2 + normalised_kernel(t) / (2 * np.pi), -(np.pi - t) * np.sin(t) / (2 * np.pi * r)


def converges(w: ArrayLike, v: ArrayLike) -> NDArray[np.bool_]:
    """Whether gradient flow from w arrives at the teacher: the true basin.

        every w except the ray { -s v : s >= 0 }

    Args:
        w: (..., d), starts, not zero.
        v: (..., d), teacher, not zero.

    Returns:
        (...); False within four units of rounding of the ray, where float64 cannot tell the sides apart. In one
        dimension the ray is half of the line, in more it has volume zero.

    Raises:
        ValueError: as `loss`.

    Source:
        Derived here: t falls strictly for 0 < t < pi and r stays positive. Tian 2017, arXiv 1703.00560, Theorem 5,
        has the ball |w - v| < |v|.

    >>> converges([[-1.0, 0.0], [-1.0, 1e-9], [5.0, 0.0]], [1.0, 0.0]).tolist()
    [False, True, True]
    """
    return _gap(w, v) > 4 * np.finfo(float).eps


def success_probability(d: int) -> float:
    """The probability that gradient flow arrives from a start with a uniformly distributed direction.

        1/2 for d = 1,   1 for d >= 2

    Args:
        d: dimension of the inputs, 1 or more.

    Returns:
        The probability.

    Raises:
        ValueError: d below 1.

    Source:
        Derived here from `converges`; Tian 2017, arXiv 1703.00560, Theorem 6, promises (1 - eps)/2.

    >>> success_probability(1), success_probability(2)
    (0.5, 1.0)
    """
    return 0.5 if whole("d", d, 1, "Count the inputs' coordinates.") == 1 else 1.0


@dataclass(frozen=True)
class PolarPath:
    """Where gradient flow is at given times; the teacher is at r = 1, gap = pi.

    Args:
        times: (n,), in units in which the Hessian at the teacher is 1/2.
        r: (n,), |w|/|v|.
        t: (n,), angle to the teacher, radian.
        gap: (n,), pi - t, to full relative precision.
        distance: (n,), |w - v|/|v|.
    """

    times: Floats
    r: Floats
    t: Floats
    gap: Floats
    distance: Floats


def flow(r0: float, delta0: float, times: ArrayLike) -> PolarPath:
    """Gradient flow from a start at angle pi - delta0, followed exactly even for tiny delta0.

    Integrated in (log r, z = log tan(t/2)) with relative error 1e-12 per unit of time.

        d log r/dt = -1/2 + h(t)/(2 pi r),   dz/dt = -(pi - t)/(2 pi r)

    Args:
        r0: |w|/|v| at the start, above 0.
        delta0: pi - angle at the start, in (0, pi], radian; 0 never arrives and is refused.
        times: (n,), rising, 0 or more.

    Returns:
        PolarPath.

    Raises:
        ValueError: r0 or delta0 out of range, or times that fall.

    Source:
        Derived here from Tian 2017, arXiv 1703.00560, Equations 6 and 15.

    >>> path = flow(1.0, 1e-4, [0.0, 60.0])
    >>> bool(path.distance[-1] < 1e-7)
    True
    """
    times = np.atleast_1d(finite("times", times))
    if times.ndim != 1 or not len(times) or times[0] < 0 or np.any(np.diff(times) < 0):
        raise ValueError(f"Got times {times.shape}; need a rising list from 0 on. Sort them.")
    start = _start(r0, delta0)
    if start is None:
        r = 1 + (r0 - 1) * np.exp(-times / 2)
        return PolarPath(times, r, np.zeros_like(r), np.full_like(r, np.pi), np.abs(r - 1))
    if times[-1] == 0:
        states = np.repeat(np.array(start)[:, None], len(times), axis=1)
    else:
        states = solve_ivp(
            _rates, (0.0, times[-1]), start, method="DOP853", rtol=1e-12, atol=1e-12, t_eval=times
        ).y  # fmt: skip
    r, t, delta = np.exp(states[0]), 2 * np.arctan(np.exp(states[1])), 2 * np.arctan(np.exp(-states[1]))
    return PolarPath(times, r, t, delta, np.hypot(r - 1, 2 * np.sqrt(r) * np.sin(t / 2)))


def time_to_converge(r0: float, delta0: float, tolerance: float = 1e-3) -> float:
    """The time gradient flow takes from angle pi - delta0 until |w - v| <= tolerance |v|.

    The flow is integrated as in `flow` and stopped at the crossing. For small delta0 it follows `time_law`.

        d log r/dt = -1/2 + h(t)/(2 pi r),   dz/dt = -(pi - t)/(2 pi r),   until |w - v|/|v| = tolerance

    Args:
        r0: |w|/|v| at the start, above 0.
        delta0: pi - angle at the start, in (0, pi], radian.
        tolerance: above 0.

    Returns:
        The time, 0 if the start is as near already; lr times steps for gradient descent with a small lr.

    Raises:
        ValueError: r0, delta0 or tolerance out of range.

    Source:
        Derived here from Tian 2017, arXiv 1703.00560, Equations 6 and 15.

    >>> round(time_to_converge(1.0, 1e-4), 3)
    34.526
    """
    tolerance = above_zero("tolerance", tolerance, "Use a distance such as 1e-3.")
    start = _start(r0, delta0)
    if start is None:
        return float(max(0.0, 2 * np.log(abs(r0 - 1) / tolerance))) if r0 != 1 else 0.0

    def above(_: float, state: Floats) -> float:
        return 2 * _log_distance(state) - 2 * np.log(tolerance)

    if above(0.0, np.array(start)) <= 0:
        return 0.0
    above.terminal = True  # type: ignore[attr-defined]
    bound = 10 + 4 * abs(time_law(max(r0, 1.0), min(delta0, 1.0), min(tolerance, 0.1)))
    found = solve_ivp(_rates, (0.0, bound), start, method="DOP853", rtol=1e-12, atol=1e-12, events=above)
    return float(found.t_events[0][0])


def time_law(r0: float, delta0: float, tolerance: float = 1e-3) -> float:
    """The time to converge for a start nearly opposite to the teacher, in closed form.

        T = 2 log( pi r0/(delta0 tolerance) )

    The weight shrinks towards 0 like exp(-t/2), passes it at distance about delta0/pi, and grows again. The law is
    the limit delta0 -> 0 and tolerance -> 0.

    Args:
        r0: |w|/|v| at the start, above 0.
        delta0: pi - angle at the start, in (0, pi], radian.
        tolerance: final |w - v|/|v|, above 0.

    Returns:
        The time.

    Raises:
        ValueError: an argument that is not positive.

    Source:
        Derived here; measured against `time_to_converge`.

    >>> round(time_law(1.0, 1e-8), 3)
    52.946
    """
    _start(r0, delta0)
    tolerance = above_zero("tolerance", tolerance, "Use a distance such as 1e-3.")
    return float(2 * np.log(np.pi * r0 / (delta0 * tolerance)))


def start_of(w: ArrayLike, v: ArrayLike) -> tuple[float, float]:
    """The polar coordinates of one start, as `flow` and `time_to_converge` want them.

        r0 = |w|/|v|,   delta0 = pi - angle(w, v)

    Args:
        w: (d,), start, not zero.
        v: (d,), teacher, not zero.

    Returns:
        (r0, delta0).

    Raises:
        ValueError: as `loss`.

    Source:
        Definition.

    >>> start_of([0.0, 2.0], [1.0, 0.0]) == (2.0, np.pi / 2)
    True
    """
    w, v = directions("w", w), directions("v", v)
    if w.ndim != 1 or v.ndim != 1:
        raise ValueError(
            f"Got w {w.shape} and v {v.shape}; need one start (d,) and one teacher (d,). Call once per start."
        )
    return float(norm(w) / norm(v)), float(_gap(w, v))


def _gap(w: ArrayLike, v: ArrayLike) -> Floats:
    """pi - t, to full relative precision near 0."""
    return angle(w, -directions("v", v))


def _log_distance(state: Floats) -> float:
    r = np.exp(state[0])
    half = np.sin(np.arctan(np.exp(state[1])))  # sin(t/2)
    return float(np.log(np.hypot(r - 1, 2 * np.sqrt(r) * half)))


def _rates(_: float, state: Floats) -> list[float]:
    """Time derivatives of (log r, log tan(t/2))."""
    r, delta = np.exp(state[0]), 2 * np.arctan(np.exp(-state[1]))
    return [-0.5 + float(lag(delta)) / (2 * np.pi * r), -delta / (2 * np.pi * r)]


def _start(r0: float, delta0: float) -> tuple[float, float] | None:
    """(log r, log tan(t/2)), or None on the teacher's own ray."""
    if not (np.isfinite(r0) and r0 > 0 and 0 < delta0 <= np.pi):
        raise ValueError(
            f"Got r0={r0}, delta0={delta0}; need r0 > 0 and 0 < delta0 <= pi. w = 0 has no angle: the gradient there "
            "depends on the direction of approach; from delta0 = 0 the flow runs into it and never arrives."
        )
    return None if delta0 == np.pi else (float(np.log(r0)), float(-np.log(np.tan(delta0 / 2))))
