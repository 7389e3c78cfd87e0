"""Learning curves: the overlaps and the error of online learning over time, by integrating its equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from trainability.theory.online._check import Array, at_least_zero, joint, order_parameters
from trainability.theory.online.equations import derivatives, error
from trainability.theory.teacher_student.checks import above_zero, real

TOO_LARGE = 1e12
"""A student's squared length, in units of the largest there at the start, at which a run has diverged."""

TOO_SMALL = 1e-14
"""A student's squared length, in the same unit, at which the equations end: there its direction is lost."""


@dataclass(frozen=True)
class Curves:
    """Overlaps and error at the times asked for.

    Args:
        alpha: times `(n,)`: steps/N, or eta steps/N for `flow`.
        Q: `(n, K, K)`; nan after the end of a run that ended early.
        R: `(n, K, M)`.
        T: `(M, M)`.
        a: output weights `(n, K)`.
        b: output weights of the teachers `(M,)`.
        eg: generalisation error `(n,)`.
        outcome: "finished"; "diverged" where a student's squared length passed 1e12; "vanished" where one went below
            1e-14, where the gradient loses its meaning; or "failed", where the integrator could not hold its tolerance.
        evaluations: of the right-hand side.
    """

    alpha: Array
    Q: Array
    R: Array
    T: Array
    a: Array
    b: Array
    eg: Array
    outcome: str
    evaluations: int


def integrate(
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    eta: float,
    alpha: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    noise: float = 0.0,
    eta_output: float = 0.0,
    rtol: float = 1e-9,
    atol: float = 1e-12,
) -> Curves:
    """The learning curve of online learning for N to infinity.

        d(Q, R, a)/dalpha = rates(Q, R, T, eta, a, b, noise, eta_a)

    by an explicit Runge-Kutta method of order 8 with error control.

    Args:
        Q0: student overlaps at the start `(K, K)`, diagonal above 0; a number for K = 1.
        R0: student-teacher overlaps at the start `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        eta: learning rate, at least 0.
        alpha: times steps/N, not decreasing, at least 0; a single number is an end, with 201 points up to it.
        a: output weights of the students at the start `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.
        noise: variance sigma² of the noise on the teacher's answer.
        eta_output: learning rate of the output weights; 0 keeps them.
        rtol: relative tolerance of the integrator, above 0.
        atol: absolute tolerance of the integrator, above 0; errors eg much below it are not resolved.

    Returns:
        Curves.

    Raises:
        ValueError: as for `rates`, for times that are negative, decreasing or not finite, and a tolerance that is not above 0.

    Source:
        Saad and Solla 1995, Phys. Rev. E 52, 4225.

    >>> curves = integrate(0.25, 0.0, 1.0, eta=1.0, alpha=[1.0, 3.0, 10.0])
    >>> [round(float(e), 5) for e in curves.eg]
    [0.17835, 0.08796, 0.00384]
    """
    eta, noise = at_least_zero("eta", eta), at_least_zero("noise", noise)
    eta_output = at_least_zero("eta_output", eta_output)

    def rate(c: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
        return derivatives(c, a, b, eta, eta * eta, noise, eta_output)

    return _solve(rate, Q0, R0, T, alpha, a, b, rtol, atol)


def flow(
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    time: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-12,
) -> Curves:
    """The learning curve for small learning rates: gradient flow on the population loss, in overlaps.

        d(Q, R)/ds = flow_rates(Q, R, T, a, b),   s = eta alpha, eta to 0

    Args:
        Q0: student overlaps at the start `(K, K)`, diagonal above 0.
        R0: student-teacher overlaps at the start `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        time: s, not decreasing, at least 0; a single number is an end, with 201 points up to it.
        a: output weights of the students `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.
        rtol: relative tolerance of the integrator, above 0.
        atol: absolute tolerance of the integrator, above 0.

    Returns:
        Curves, whose alpha are the times s.

    Raises:
        ValueError: as for `integrate`.

    Source:
        Tian 2017, arXiv 1703.00560, equation (15), in overlaps.

    >>> float(flow(0.25, 0.0, 1.0, time=[60.0]).eg[0].round(9))
    0.0
    """

    def rate(c: Array, a: Array, b: Array) -> tuple[Array, Array, Array]:
        return derivatives(c, a, b, 1.0, 0.0, 0.0, 0.0)

    return _solve(rate, Q0, R0, T, time, a, b, rtol, atol)


def times(alpha: ArrayLike) -> Array:
    """The times of a record: as given, or 201 up to a single number."""
    given = real("times", alpha)
    if given.ndim > 1 or not given.size or not np.isfinite(given).all() or (given < 0).any():
        raise ValueError(
            f"Got times {alpha!r}; need one finite number of at least 0, or a list of them. Give steps divided by N."
        )
    if given.ndim == 0:
        return np.linspace(0.0, float(given), 201)
    if (np.diff(given) < 0).any():
        raise ValueError("Got times that decrease; need them in order. Sort them.")
    return given


def _solve(
    rate: Callable[[Array, Array, Array], tuple[Array, Array, Array]],
    q0: ArrayLike,
    r0: ArrayLike,
    t: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike | None,
    b: ArrayLike | None,
    rtol: float,
    atol: float,
) -> Curves:
    q, r, t_, a_, b_ = order_parameters(q0, r0, t, a, b)
    when = times(alpha)
    rtol, atol = above_zero("rtol", rtol, "Use 1e-9."), above_zero("atol", atol, "Use 1e-12.")
    k, m = r.shape
    upper = np.triu_indices(k)
    ends = (len(upper[0]), len(upper[0]) + k * m)
    unit = max(np.diag(q).max(), np.diag(t_).max())

    def unpack(y: Array) -> tuple[Array, Array, Array]:
        q = np.empty((k, k))
        q[upper] = q[upper[::-1]] = y[: ends[0]]
        return q, y[ends[0] : ends[1]].reshape(k, m), y[ends[1] :]

    def right(_: float, y: Array) -> Array:
        q, r, a = unpack(y)
        # A trial step may leave the cone of Gram matrices; the length is held positive there, and the step is refused.
        np.fill_diagonal(q, np.maximum(np.diag(q), 1e-300))
        dq, dr, da = rate(joint(q, r, t_), a, b_)
        return np.concatenate((dq[upper], dr.ravel(), da))

    def diverged(_: float, y: Array) -> float:
        return float(TOO_LARGE * unit - np.abs(y).max())

    def vanished(_: float, y: Array) -> float:
        return float(np.diag(unpack(y)[0]).min() - TOO_SMALL * unit)

    diverged.terminal = vanished.terminal = True  # type: ignore[attr-defined]
    start = np.concatenate((q[upper], r.ravel(), a_))
    if when[-1] == 0:
        states, outcome, evaluations = np.repeat(start[:, None], len(when), 1), "finished", 0
    else:
        with np.errstate(all="ignore"):
            answer = solve_ivp(
                right, (0.0, when[-1]), start, method="DOP853", t_eval=when, rtol=rtol, atol=atol,
                events=(diverged, vanished),
            )  # fmt: skip
        states, evaluations = np.asarray(answer.y).reshape(len(start), -1), int(answer.nfev)
        outcome = "finished" if answer.status == 0 else "failed"
        if answer.status == 1:
            outcome = "diverged" if len(answer.t_events[0]) else "vanished"
    full = np.full((len(start), len(when)), np.nan)
    full[:, : states.shape[1]] = states
    parts = [unpack(full[:, s]) for s in range(len(when))]
    qs, rs, as_ = (np.array([part[i] for part in parts]) for i in range(3))
    eg = np.full(len(when), np.nan)
    for s in range(states.shape[1]):
        eg[s] = error(joint(qs[s], rs[s], t_), as_[s], b_)
    return Curves(when, qs, rs, t_, as_, b_, eg, outcome, evaluations)
