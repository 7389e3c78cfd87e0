"""Gradient descent on the exact population loss, for a whole batch of starts, each to its own end."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory import _descent_kernel as kernel
from trainability.theory.critical_points import CONVEX_SHARE, polished
from trainability.theory.teacher_student import loss
from trainability.theory.teacher_student.checks import Networks, at_least_zero, finite, networks, whole

Array = NDArray[np.float64]

OUTCOMES = ("converged", "below-floor", "step-limit", "diverged", "singular")
"""What the outcome codes say. converged: gradient norm at or below `tol`. below-floor: loss at or below `floor`.
step-limit: neither within `max_steps`. diverged: not finite, or a loss above a million times the larger of the first
one and that of no student. singular: a student row became exactly 0, where the gradient depends on the direction of
approach."""


BLOWUP = kernel.BLOWUP
"""A run has diverged where its loss is above this many times the larger of its first loss and that of no student."""


@dataclass(frozen=True)
class Descent:
    """Where a batch of runs ended; every array has the batch shape of the starts first.

    Args:
        W: end points (..., k, d).
        loss: population loss there.
        gradient_norm: Euclidean norm of the gradient there.
        steps: steps taken.
        outcome: index into `OUTCOMES`.
        polished: whether Newton steps replaced the end of the descent (see `descend`).
        path: recorded points (..., points, k, d), None where not asked for; after a run's end, its end point.
        path_loss: losses at the recorded points (..., points), or None.
        every: steps between recorded points, or None.
    """

    W: Array
    loss: Array
    gradient_norm: Array
    steps: NDArray[np.int64]
    outcome: NDArray[np.int64]
    polished: NDArray[np.bool_]
    path: Array | None = None
    path_loss: Array | None = None
    every: int | None = None

    def count(self, outcome: str) -> int:
        """Runs with this outcome, one of `OUTCOMES`."""
        return int((self.outcome == OUTCOMES.index(outcome)).sum())


def descend(
    W0: ArrayLike,
    V: ArrayLike,
    lr: ArrayLike = 0.1,
    tol: float = 1e-9,
    max_steps: int = 400_000,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    polish: bool = False,
    record: int | None = None,
    floor: float | None = None,
    slope: float = 0.0,
) -> Descent:
    """Fixed-step gradient descent on the exact population loss from every start, each run until its own end.

        W <- W - lr grad L(W),   L = 1/2 E( sum_i a_i relu(w_i . x) - sum_j b_j relu(v_j . x) )^2,  x ~ N(0, I)

    Every step of every run is taken, so the basins are those of this very iteration. Runs are advanced eight to a
    vector in every thread; a run's result does not depend on its neighbours, nor on the number of threads.

    With `polish`, a run that ended with a gradient norm of at most 1e-3 is moved on by Newton's method, and the move
    kept only where it stays in the same convex valley: with least Hessian eigenvalue l > 0 at the new point W',
    |H(W) - H(W')| <= l/2 in the Frobenius norm and lr <= 1/|H(W')|. If that holds in the whole ball around W' through
    W (it is tested at W), further steps of the descent contract towards W', so that it is where the run was going.

    Args:
        W0: starts, shape (..., k, d); no row may be 0.
        V: teacher rows (m, d).
        lr: learning rate above 0, one number or one per start (the batch shape).
        tol: gradient norm at which a run has converged; 0 or more.
        max_steps: steps after which a run is stopped; 0 or more.
        a: output weights (k,) of the student, the same for all starts; ones when None.
        b: output weights (m,) of the teacher; ones when None.
        polish: whether to end with Newton's method.
        record: keep every `record`-th point of every run, from the start on. This costs memory in proportion to
            `max_steps / record`; without it memory does not depend on the number of steps.
        floor: loss at which a run is done; None for no such test.
        slope: of the leaky ReLU for negative input, in both networks.

    Returns:
        Descent.

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a start with a row of 0,
            or an lr, tol, max_steps, record or floor out of range.

    Source:
        The iteration of Safran and Shamir 2018, arXiv 1712.08968, experiments (exact gradient, fixed step, stopped at a
        gradient norm of 1e-9); the gradient is that of Tian 2017, arXiv 1703.00560, with N = 1.

    >>> run = descend([[[0.1, 0.2]], [[-1.0, 0.1]]], [[1.0, 0.0]], lr=0.5)
    >>> [OUTCOMES[i] for i in run.outcome], run.W.round(6).tolist()
    (['converged', 'converged'], [[[1.0, 0.0]], [[1.0, 0.0]]])
    """
    net = networks(W0, V, a, b, slope)
    batch, (k, d) = net.W.shape[:-2], net.W.shape[-2:]
    if net.a.shape != (k,):
        raise ValueError(f"Got a of shape {net.a.shape}; need {(k,)}. Call once per set of output weights.")
    rate = _rate(lr, batch)
    max_steps = whole("max_steps", max_steps, 0, "Use 400_000.")
    every = 0 if record is None else whole("record", record, 1, "Use 1 to keep every step, None to keep none.")
    tol = at_least_zero("tol", tol, "Use 1e-9, or 0 to run to the step limit.")
    lowest = -np.inf if floor is None else float(finite("floor", floor))
    start = np.ascontiguousarray(net.W.reshape(-1, k, d))
    runs = len(start)
    points = max_steps // every + 1 if every else 0
    end, path = np.empty_like(start), np.empty((runs, points, k, d))
    value, norm, path_loss = np.empty(runs), np.empty(runs), np.empty((runs, points))
    steps, outcome = np.empty(runs, np.int64), np.empty(runs, np.int64)
    rule = (rate, teacher_constant(net), tol, lowest, max_steps)
    out = (end, value, norm, steps, outcome, path, path_loss)
    queues = max(1, min(numba.get_num_threads(), -(-runs // kernel.LANES)))
    if runs:
        kernel.advance(queues, start, kernel.packed(net.V, net.a, net.b, net.slope), rule, every, out)
    if every:
        after = np.arange(points)[None, :] * every > steps[:, None]
        path = np.where(after[..., None, None], end[:, None], path)
        path_loss = np.where(after, value[:, None], path_loss)
    moved = np.zeros(runs, bool)
    if polish and runs:
        good = np.isin(outcome, (kernel.CONVERGED, kernel.FLOOR, kernel.LIMIT)) & (norm <= 1e-3)
        _polish(net, rate, good, moved, end, value, norm)
    return Descent(
        W=end.reshape(net.W.shape),
        loss=value.reshape(batch),
        gradient_norm=norm.reshape(batch),
        steps=steps.reshape(batch),
        outcome=outcome.reshape(batch),
        polished=moved.reshape(batch),
        path=path.reshape(*batch, points, k, d) if every else None,
        path_loss=path_loss.reshape(*batch, points) if every else None,
        every=every or None,
    )


def teacher_constant(net: Networks) -> float:
    """The loss without a student, b'K(V, V)b/2.

    Args:
        net: checked networks.

    Returns:
        The loss, at least 0.
    """
    return float(loss(np.zeros((1, net.V.shape[1])), net.V, np.zeros(1), net.b, net.slope))


def _rate(lr: ArrayLike, batch: tuple[int, ...]) -> Array:
    rate = finite("lr", lr)
    if rate.shape not in ((), batch):
        raise ValueError(f"Got lr of shape {rate.shape}; need one number or the batch shape {batch}. Reshape it.")
    if not (rate > 0).all():
        raise ValueError(f"Got lr={lr!r}; need finite numbers above 0. Start with 0.1.")
    return np.ascontiguousarray(np.broadcast_to(rate, batch).reshape(-1))


def _polish(
    net: Networks, rate: Array, good: NDArray[np.bool_], moved: NDArray[np.bool_], end: Array, value: Array, norm: Array
) -> None:
    for part in np.array_split(np.flatnonzero(good), max(1, int(good.sum()) // 64)):
        if len(part) == 0:
            continue
        points, norms, least, largest, change = polished(end[part], net.V, net.a, net.b, net.slope)
        keep = (norms < norm[part]) & (least > 0) & (change <= CONVEX_SHARE * least) & (rate[part] * largest <= 1)
        chosen = part[keep]
        end[chosen], norm[chosen], moved[chosen] = points[keep], norms[keep], True
        value[chosen] = loss(points[keep], net.V, net.a, net.b, net.slope) if len(chosen) else value[chosen]
