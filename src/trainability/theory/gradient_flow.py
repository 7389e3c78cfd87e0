"""Gradient flow on the exact population loss: descent in the limit of small steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory import _flow_kernel as kernel
from trainability.theory._descent_kernel import packed
from trainability.theory.teacher_student import loss
from trainability.theory.teacher_student.checks import above_zero, finite, networks, whole

Array = NDArray[np.float64]

OUTCOMES = ("reached", "too-many-steps", "not-finite")
"""What the outcome codes say. reached: integrated to the last time. too-many-steps: `max_steps` did not suffice.
not-finite: no step, however small, gives finite numbers, as where a student row shrinks to 0."""


@dataclass(frozen=True)
class Flow:
    """The flow of a batch of runs at the times asked for; NaN at the times that a run did not reach.

    Args:
        t: the times, () or (points,).
        W: the runs there, (..., k, d) for one time, else (..., points, k, d).
        loss: population loss there, (...) or (..., points).
        gradient_norm: Euclidean norm of the gradient there, (...) or (..., points).
        steps: steps tried (...).
        outcome: index into `OUTCOMES` (...).
    """

    t: Array
    W: Array
    loss: Array
    gradient_norm: Array
    steps: NDArray[np.int64]
    outcome: NDArray[np.int64]


def flow(
    W0: ArrayLike,
    V: ArrayLike,
    t: ArrayLike = 100.0,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-12,
    max_steps: int = 1_000_000,
    slope: float = 0.0,
) -> Flow:
    """The gradient flow of the exact population loss from every start, with controlled error.

        dW/dt = -grad L(W),   W(0) = W0

    Integrated by Dormand and Prince's pair of orders 5 and 4; every run has its own step size, and steps end at the
    times asked for. A step is accepted where the root mean square of error / (atol + rtol |W|) is at most 1: the error
    of one step, not of the whole path. Near a saddle's stable set the path itself is sensitive.

    Args:
        W0: starts, shape (..., k, d); no row may be 0.
        V: teacher rows (m, d).
        t: the time to reach, or times in rising order; 0 or more. One step of `descend` with lr takes time lr.
        a: output weights (k,) of the student; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        rtol: relative tolerance, above 0.
        atol: absolute tolerance, above 0.
        max_steps: largest number of steps of one run, 1 or more.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        Flow.

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a start with a row of 0,
            times that do not rise, or a tolerance or max_steps out of range.

    Source:
        Dormand and Prince 1980, J. Comput. Appl. Math. 6, 19-26; the flow is that of Tian 2017,
        arXiv 1703.00560, with N = 1.

    >>> out = flow([[0.001, 0.0]], [[1.0, 0.0]], t=[0.0, 2.0])
    >>> out.W[:, 0, 0].round(8).tolist()  # 1 - 0.999 exp(-t/2)
    [0.001, 0.63248844]
    """
    net = networks(W0, V, a, b, slope)
    batch, (k, d) = net.W.shape[:-2], net.W.shape[-2:]
    times = finite("t", t)
    if net.a.shape != (k,):
        raise ValueError(f"Got a of shape {net.a.shape}; need {(k,)}. Call once per set of output weights.")
    if times.ndim > 1 or times.size == 0:
        raise ValueError(f"Got t of shape {times.shape}; need a finite time or a list of them. Give one or more.")
    flat = np.atleast_1d(times)
    if flat[0] < 0 or (np.diff(flat) < 0).any():
        raise ValueError(f"Got times from {flat[0]} that do not rise from 0 or more; need rising times. Sort them.")
    rtol, atol = above_zero("rtol", rtol, "Use 1e-9."), above_zero("atol", atol, "Use 1e-12.")
    max_steps = whole("max_steps", max_steps, 1, "Use 1_000_000.")
    start = np.ascontiguousarray(net.W.reshape(-1, k, d))
    runs, points = len(start), len(flat)
    path, (path_loss, path_norm) = np.full((runs, points, k, d), np.nan), np.full((2, runs, points), np.nan)
    steps, outcome = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    constant = float(loss(np.zeros((1, d)), net.V, np.zeros(1), net.b, net.slope))
    rule = (rtol, atol, max_steps, constant)
    out = (path, path_loss, path_norm, steps, outcome)
    if runs:
        kernel.integrate(start, flat, packed(net.V, net.a, net.b, net.slope), rule, *kernel.TABLE, out)
    shape = batch if times.ndim == 0 else (*batch, points)
    return Flow(
        t=times,
        W=path.reshape(*shape, k, d),
        loss=path_loss.reshape(shape),
        gradient_norm=path_norm.reshape(shape),
        steps=steps.reshape(batch),
        outcome=outcome.reshape(batch),
    )
