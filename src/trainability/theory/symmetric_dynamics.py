"""Spontaneous symmetry breaking: K ReLUs learning an orthonormal teacher from a symmetric start, in two variables.

Student j is w_j = x v_j + y sum_{i != j} v_i, so W = x I + y (11' - I) in the teacher's basis. The flow keeps this form;
with rho^2 = x^2 + (K-1) y^2, angles theta = (w_1, v_1), phi* = (w_1, v_2), phi = (w_1, w_2),

    A = (pi - phi)(x - 1 + (K-1) y),   C = (K-1)(sin phi*/rho - sin phi) + sin theta/rho
    2 pi dx/dt = -[ A + phi (x-1) + theta - C x ]
    2 pi dy/dt = -[ A + phi y + phi* - phi - C y ]

On x = y all students are one; it holds a saddle. From x > y the flow goes to the teacher (1, 0); from x < y, for K >= 3,
to another critical point, which is a spurious minimum of the full problem from K = 6 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from trainability.theory.teacher_student.kernel import normalised_kernel as h

Floats = NDArray[np.float64]


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


def weights(x: float, y: float, K: int) -> Floats:
    """The students' weights in the teacher's basis.

        W = x I + y (11' - I)

    Args:
        x: own direction.
        y: every other direction.
        K: number of students and teachers, 2 or more.

    Returns:
        (K, K), row j for student j.

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Section 6.2.

    >>> weights(1.0, 0.5, 2).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    _check_k(K)
    return np.full((K, K), float(y)) + (float(x) - float(y)) * np.eye(K)


def field(x: ArrayLike, y: ArrayLike, K: int) -> tuple[Floats, Floats]:
    """The gradient flow in the plane: (dx/dt, dy/dt), minus the population gradient of each weight.

        2 pi dx/dt = -[ A + phi (x-1) + theta - C x ],   2 pi dy/dt = -[ A + phi y + phi* - phi - C y ]

    Args:
        x, y: any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        (dx/dt, dy/dt).

    Raises:
        ValueError: K below 2, x = y = 0, or a number that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7 and its supplement; here with angles by atan2.

    >>> dx, dy = field(1e-3, 0.0, 2)
    >>> round(float(dx), 8), round(float(dy), 8)
    (0.65849579, 0.24975)
    """
    x, y = _checked(x, y, K)
    theta, phi_star, phi, rho = _angles(x, y, K)
    A = (np.pi - phi) * (x - 1 + (K - 1) * y)
    C = (K - 1) * (np.sin(phi_star) / rho - np.sin(phi)) + np.sin(theta) / rho
    dx = -(A + phi * (x - 1) + theta - C * x) / (2 * np.pi)
    dy = -(A + phi * y + (phi_star - phi) - C * y) / (2 * np.pi)
    return dx, dy


def loss(x: ArrayLike, y: ArrayLike, K: int) -> Floats:
    """The population loss in the plane.

        K/2 [ (rho^2 + 1)/2 + (K-1)(rho^2 h(phi) + 1)/(2 pi) ] - K rho [ h(theta) + (K-1) h(phi*) ]/(2 pi)

    Args:
        x, y: any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        The loss, 0 at (1, 0) up to rounding of about 1e-16 K^2.

    Raises:
        ValueError: as `field`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 2, in the plane of Theorem 7.

    >>> round(float(loss(*saddle(2), 2)), 10)
    0.0885119366
    """
    x, y = _checked(x, y, K)
    theta, phi_star, phi, rho = _angles(x, y, K)
    own = (rho**2 + 1) / 2 + (K - 1) * (rho**2 * h(phi) + 1) / (2 * np.pi)
    return K * own / 2 - K * rho * (h(theta) + (K - 1) * h(phi_star)) / (2 * np.pi)


def loss_at_zero(K: int) -> float:
    """The loss when all weights tend to 0: half the teacher's mean square.

        K/4 + K (K-1)/(4 pi)

    Args:
        K: number of teachers, 2 or more.

    Returns:
        The loss.

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 2 at w -> 0.

    >>> round(loss_at_zero(10), 6)
    9.661972
    """
    _check_k(K)
    return K / 4 + K * (K - 1) / (4 * np.pi)


def saddle(K: int) -> tuple[float, float]:
    """The saddle on the line of equal students.

        x = y = ( sqrt(K-1) - arccos(1/sqrt K) + pi ) / (pi K)

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        (x, y).

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7.

    >>> round(saddle(5)[0], 10)
    0.256840678
    """
    _check_k(K)
    x = (np.sqrt(K - 1) - np.arctan(np.sqrt(K - 1)) + np.pi) / (np.pi * K)
    return float(x), float(x)


def opposite_point(K: int) -> tuple[float, float]:
    """The critical point on the line of equal students beyond 0, where all weights point away from the teacher.

        x = y = -( sqrt(K-1) - arccos(1/sqrt K) ) / (pi K)

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        (x, y).

    Raises:
        ValueError: K below 2.

    Source:
        Derived here from the field of Theorem 7 of Tian 2017, arXiv 1703.00560; not in the paper.

    >>> round(opposite_point(2)[0], 8)
    -0.03415494
    """
    _check_k(K)
    x = -(np.sqrt(K - 1) - np.arctan(np.sqrt(K - 1))) / (np.pi * K)
    return float(x), float(x)


def saddle_spectrum(K: int) -> tuple[tuple[float, int], ...]:
    """All K^2 eigenvalues of the full Hessian at the saddle, with how often each occurs.

        l = -K/(2 pi x_s sqrt(K-1)), (K-1)^2 times;   0, K-1 times;   K/2 + l, K-1 times;   K/2, once

    The zeros are the freedom to split the common weight among the students.

    Args:
        K: number of students and teachers, 2 or more.

    Returns:
        ((eigenvalue, multiplicity), ...), rising for the first.

    Raises:
        ValueError: K below 2.

    Source:
        Derived here at the saddle of Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> [(round(value, 5), times) for value, times in saddle_spectrum(2)]
    [(-0.59591, 1), (0.0, 1), (0.40409, 1), (1.0, 1)]
    """
    low = -K / (2 * np.pi * saddle(K)[0] * np.sqrt(K - 1))
    return (float(low), (K - 1) ** 2), (0.0, K - 1), (float(K / 2 + low), K - 1), (K / 2, 1)


def jacobian(x: float, y: float, K: int) -> Floats:
    """The derivative of the flow in the plane.

        [[ d(dx/dt)/dx, d(dx/dt)/dy ], [ d(dy/dt)/dx, d(dy/dt)/dy ]], term by term from `field`

    Args:
        x, y: where, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        (2, 2); its eigenvalues are real.

    Raises:
        ValueError: as `field`.

    Source:
        Derived here from Theorem 7 of Tian 2017, arXiv 1703.00560.

    >>> np.linalg.eigvals(jacobian(*saddle(2), 2)).round(5).tolist()
    [0.59591, -1.0]
    """
    a, b = _checked(x, y, K)
    theta, phi_star, phi, rho = (float(v) for v in _angles(a, b, K))
    x, y, n = float(x), float(y), K - 1
    q, s = np.hypot(x, np.sqrt(K - 2) * y), np.sqrt(max(4 * rho**2 - 2 * (x - y) ** 2, 0.0))
    # gradients by (x, y); where an angle has a kink (0 or pi) its terms cancel in the field and 0 stands for them
    d_theta = np.sqrt(n) * np.array([-abs(y), np.sign(y) * x]) / rho**2
    d_phi_star = np.array([x * y, -x * x]) / (q * rho**2) if q > 0 else np.zeros(2)
    p = np.sqrt(2) * abs(x - y)
    d_p = np.sqrt(2) * np.sign(x - y) * np.array([1.0, -1.0])
    d_s = np.array([2 * (x + y), 2 * (x + y) + 4 * (K - 2) * y]) / s if s > 0 else np.zeros(2)
    d_phi = (s * d_p - p * d_s) / (2 * rho**2)
    d_inverse = -np.array([x, n * y]) / rho**3
    A0, C = x - 1 + n * y, n * (np.sin(phi_star) / rho - np.sin(phi)) + np.sin(theta) / rho
    d_A = -d_phi * A0 + (np.pi - phi) * np.array([1.0, n])
    d_C = n * (d_inverse * np.sin(phi_star) + np.cos(phi_star) / rho * d_phi_star - np.cos(phi) * d_phi)
    d_C += d_inverse * np.sin(theta) + np.cos(theta) / rho * d_theta
    ex, ey = np.eye(2)
    by_x = d_A + d_phi * (x - 1) + phi * ex + d_theta - d_C * x - C * ex
    by_y = d_A + d_phi * y + phi * ey + d_phi_star - d_phi - d_C * y - C * ey
    return -np.array([by_x, by_y]) / (2 * np.pi)


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
    _check_k(K)
    if not (np.isfinite(extent) and extent > 0) or starts < 2:
        raise ValueError(f"Got extent={extent}, starts={starts}; need extent > 0 and starts >= 2. Take the defaults.")
    side = np.linspace(-extent, extent, starts)
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


def descend(
    x0: ArrayLike, y0: ArrayLike, K: int, lr: float = 0.01, steps: int = 1000
) -> tuple[Floats, Floats]:  # fmt: skip
    """Gradient descent in the plane: explicit Euler steps.

        (x, y) <- (x, y) + lr (dx/dt, dy/dt)

    Args:
        x0, y0: starts, any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.
        lr: step, above 0.
        steps: 0 or more.

    Returns:
        (x, y), each (steps + 1, ...), the start first.

    Raises:
        ValueError: as `field`; an lr that is not positive; a path that hits 0 or leaves the finite numbers.

    Source:
        The protocol of Figure 8 of Tian 2017, arXiv 1703.00560, in the paper's public code: lr 0.01 (there divided by
        2 pi, on the bracket), 1000 steps, start (1e-3, 0).

    >>> x, y = descend(1e-3, 0.0, 2)
    >>> round(float(y.max()), 6), int(y.argmax())
    (0.361163, 221)
    """
    if not (np.isfinite(lr) and lr > 0) or steps < 0:
        raise ValueError(f"Got lr={lr}, steps={steps}; need lr > 0 and steps >= 0, such as 0.01 and 1000.")
    x, y = np.broadcast_arrays(*_checked(x0, y0, K))
    xs, ys = np.empty((steps + 1, *x.shape)), np.empty((steps + 1, *x.shape))
    xs[0], ys[0] = x, y
    for i in range(steps):
        dx, dy = field(xs[i], ys[i], K)
        xs[i + 1], ys[i + 1] = xs[i] + lr * dx, ys[i] + lr * dy
    return xs, ys


def flow(x0: float, y0: float, K: int, times: ArrayLike) -> tuple[Floats, Floats]:
    """Gradient flow in the plane, to relative error about 1e-11.

        d(x, y)/dt = field(x, y)

    Args:
        x0, y0: the start, not both 0.
        K: number of students and teachers, 2 or more.
        times: (n,), rising, 0 or more.

    Returns:
        (x, y), each (n,).

    Raises:
        ValueError: as `field`, or times that fall.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7 with Equation 15.

    >>> x, y = flow(0.9, 0.5, 3, [0.0, 60.0])
    >>> round(float(x[-1]), 9), round(abs(float(y[-1])), 9)
    (1.0, 0.0)
    """
    times = np.atleast_1d(np.asarray(times, float))
    if times.ndim != 1 or not len(times) or times[0] < 0 or np.any(np.diff(times) < 0) or not np.isfinite(times[-1]):
        raise ValueError(f"Got times {times.shape}; need a rising list from 0 on. Sort them.")
    _checked(x0, y0, K)
    if times[-1] == 0:
        return np.full_like(times, x0), np.full_like(times, y0)
    path = solve_ivp(
        lambda _, z: field(z[0], z[1], K), (0.0, times[-1]), [x0, y0],
        method="DOP853", rtol=1e-12, atol=1e-13, t_eval=times,
    )  # fmt: skip
    return path.y[0], path.y[1]


def squared_error(x: ArrayLike, y: ArrayLike, K: int) -> Floats:
    """How far a student is from its teacher, as the source's Figure 8(d) shows it.

        (x - 1)^2 + (K - 1) y^2

    Args:
        x, y: any shapes that broadcast.
        K: number of students and teachers, 2 or more.

    Returns:
        |w_1 - v_1|^2.

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Figure 8(d).

    >>> round(float(squared_error(1e-3, 0.0, 7)), 6)
    0.998001
    """
    _check_k(K)
    return (np.asarray(x, float) - 1) ** 2 + (K - 1) * np.asarray(y, float) ** 2


def time_to_reach(x0: float, y0: float, K: int, error: float, target: tuple[float, float] = (1.0, 0.0)) -> float:
    """The time gradient flow takes until a student's squared distance to a target point falls to a value.

        first t with (x - x_t)^2 + (K - 1)(y - y_t)^2 = error

    Args:
        x0, y0: the start, not both 0.
        K: number of students and teachers, 2 or more.
        error: squared distance, above 0.
        target: (x_t, y_t); the teacher where left out.

    Returns:
        The time; 0 if the start is as near; infinite if it is not reached within 1000.

    Raises:
        ValueError: as `field`, or an error that is not positive.

    Source:
        Tian 2017, arXiv 1703.00560, Figure 8(d).

    >>> round(time_to_reach(1e-3, 0.0, 5, 0.01), 3)
    4.245
    """
    if not error > 0:
        raise ValueError(f"Got error={error}; need a squared distance above 0, such as 0.01.")
    _checked(x0, y0, K)

    def above(_: float, z: Floats) -> float:
        return float((z[0] - target[0]) ** 2 + (K - 1) * (z[1] - target[1]) ** 2) / error - 1

    if above(0.0, np.array([x0, y0], float)) <= 0:
        return 0.0
    above.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        lambda _, z: field(z[0], z[1], K), (0.0, 1000.0), [x0, y0],
        method="DOP853", rtol=1e-11, atol=1e-13, events=above,
    )  # fmt: skip
    return float(path.t_events[0][0]) if len(path.t_events[0]) else np.inf


def _angles(x: Floats, y: Floats, K: int) -> tuple[Floats, Floats, Floats, Floats]:
    """theta, phi*, phi and rho, each angle by atan2."""
    theta = np.arctan2(np.sqrt(K - 1) * np.abs(y), x)
    phi_star = np.arctan2(np.hypot(x, np.sqrt(K - 2) * y), y)
    total = np.hypot(np.sqrt(2) * (x + y), 2 * np.sqrt(K - 2) * y)
    phi = 2 * np.arctan2(np.sqrt(2) * np.abs(x - y), total)
    return theta, phi_star, phi, np.hypot(x, np.sqrt(K - 1) * y)


def _classified(x: float, y: float, K: int) -> CriticalPoint:
    values = np.sort(-np.linalg.eigvals(jacobian(x, y, K)).real)
    kind = "minimum" if values[0] > 0 else "maximum" if values[1] < 0 else "saddle"
    if np.abs(values).min() < 1e-9:
        kind = "degenerate"
    return CriticalPoint(x, y, float(loss(x, y, K)), values, kind)


def _check_k(K: int) -> None:
    if int(K) != K or K < 2:
        raise ValueError(f"Got K={K}; need at least 2 students: one alone has no symmetry to break. See single_relu.")


def _checked(x: ArrayLike, y: ArrayLike, K: int) -> tuple[Floats, Floats]:
    _check_k(K)
    x, y = np.asarray(x, float), np.asarray(y, float)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise ValueError("Got x or y that is not finite; need finite numbers. Lower the learning rate if it diverged.")
    if np.any((x == 0) & (y == 0)):
        raise ValueError(
            "Got x = y = 0, which is w = 0; need a start off 0: the gradient there depends on the direction of approach. "
            "Take (1e-3, 0)."
        )
    return x, y
