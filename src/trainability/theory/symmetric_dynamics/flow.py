"""Gradient flow in the plane, to an error far below that of any step of descent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from trainability.theory.symmetric_dynamics._plane import Floats, checked, rates


def flow(x0: ArrayLike, y0: ArrayLike, K: int, times: ArrayLike) -> tuple[Floats, Floats]:
    """Gradient flow in the plane, to an error of about 1e-11 for one start and sqrt(m) times that for m at once.

        d(x, y)/dt = field(x, y)

    Args:
        x0, y0: starts, any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.
        times: (n,), rising, 0 or more.

    Returns:
        (x, y), each (n, ...), one line per time; nan from the time at which a path runs into x = y = 0.

    Raises:
        ValueError: as `field`, or times that fall, are negative or not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7 with Equation 15.

    >>> x, y = flow(0.9, 0.5, 3, [0.0, 60.0])
    >>> round(float(x[-1]), 9), round(abs(float(y[-1])), 9)
    (1.0, 0.0)
    """
    t = np.atleast_1d(np.asarray(times, float))
    if t.ndim != 1 or not len(t) or not np.isfinite(t).all() or t[0] < 0 or np.any(np.diff(t) < 0):
        raise ValueError(
            f"Got times {np.asarray(times).tolist()!r:.60}; need a rising list of finite numbers from 0 on."
        )
    x, y = np.broadcast_arrays(*checked(x0, y0, K))
    start = np.concatenate([x.ravel(), y.ravel()])
    # times that repeat, or 0 alone, are no interval to an integrator
    when, where = np.unique(t, return_inverse=True)
    out = np.full((len(when), start.size), np.nan)
    if when[-1] == 0:
        out[0] = start
    else:
        m = x.size
        with np.errstate(all="ignore"):
            path = solve_ivp(
                lambda _, z: np.concatenate(rates(z[:m], z[m:], K)), (0.0, when[-1]), start,
                method="DOP853", rtol=1e-12, atol=1e-13, t_eval=when,
            )  # fmt: skip
        out[: path.y.shape[1]] = path.y.T
    xs, ys = np.split(out[where], 2, axis=1)
    return xs.reshape(len(t), *x.shape), ys.reshape(len(t), *x.shape)


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
        ValueError: as `field`, an error that is not positive and finite, or a target that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Figure 8(d).

    >>> round(time_to_reach(1e-3, 0.0, 5, 0.01), 3)
    4.245
    """
    if not (np.isfinite(error) and error > 0):
        raise ValueError(f"Got error={error}; need a finite squared distance above 0, such as 0.01.")
    if not np.isfinite(target).all():
        raise ValueError(f"Got target={target}; need two finite numbers, such as (1, 0) for the teacher.")
    checked(x0, y0, K)

    def above(_: float, z: Floats) -> float:
        return float((z[0] - target[0]) ** 2 + (K - 1) * (z[1] - target[1]) ** 2) / error - 1

    if above(0.0, np.array([x0, y0], float)) <= 0:
        return 0.0
    above.terminal = True  # type: ignore[attr-defined]
    with np.errstate(all="ignore"):
        path = solve_ivp(
            lambda _, z: np.array(rates(z[0], z[1], K)), (0.0, 1000.0), np.array([x0, y0], float),
            method="DOP853", rtol=1e-12, atol=1e-14, events=above,
        )  # fmt: skip
    return float(path.t_events[0][0]) if len(path.t_events[0]) else np.inf
