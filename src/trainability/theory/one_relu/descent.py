"""Gradient descent on the exact population loss of one unit, from many starts at once."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from trainability.theory.one_relu._convention import check_lr, factor
from trainability.theory.one_relu.loss_surface import TARGET, Array, Unit, loss

NAMES = ("weight", "bias", "output", "offset")


@dataclass(frozen=True)
class Ends:
    """Where the runs ended.

    Args:
        parameters: (..., 4): weight, bias, output, offset.
        loss: (...), with the 1/2; nan where a run left the numbers.
        steps: (...), updates made.
        reached: (...), the first step after which the loss was at most `goal`, or -1.
    """

    parameters: Array
    loss: Array
    steps: NDArray[np.int64]
    reached: NDArray[np.int64]

    @property
    def elbow(self) -> Array:
        """Where each student switches, -bias / weight."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return -self.parameters[..., 1] / self.parameters[..., 0]


def descend(
    starts: ArrayLike,
    *,
    lr: float,
    steps: int,
    learn: Collection[str] = NAMES,
    goal: float = 5e-4,
    tol: float = 1e-12,
    slope: float = 0.0,
    momentum: float = 0.0,
    convention: str = "half",
    target: Unit = TARGET,
) -> Ends:
    """Descend from every start, with heavy-ball momentum if told, on the exact gradient.

        v <- momentum · v + f · grad,   parameters <- parameters - lr · v,   f = 1 ("half") or 2 ("mse")

    Runs are advanced in parallel by a compiled loop that keeps no path, so that a million starts fit in memory.

    Args:
        starts: (..., 4): weight, bias, output, offset of each start.
        lr: > 0, of the loss that `convention` names.
        steps: most updates, >= 0.
        learn: names of the parameters that move; the others stay as they start.
        goal: loss (with the 1/2) whose first passing is noted in `reached`.
        tol: a run ends early where no entry of its gradient is larger in size and its velocity is as small.
        slope: of the student below 0.
        momentum: in [0, 1).
        convention: "half" or "mse".
        target: what is learned.

    Returns:
        Ends.

    Raises:
        ValueError: starts that are not (..., 4), not finite, or with weight = bias = 0; an lr, momentum or number of
            steps out of range; an unknown name in `learn`.
        UnknownNameError: another convention.

    Source: the gradient of `loss_surface.gradient`, which the tests hold this loop against step by step.

    >>> ends = descend([[0.5, 0, 1, 0], [-0.5, 0, 1, 0]], lr=0.5, steps=500, learn=["weight"])
    >>> [round(float(w), 6) for w in ends.parameters[:, 0]]
    [1.0, -0.0]
    """
    starts = np.array(starts, float)
    if starts.ndim < 1 or starts.shape[-1] != 4:
        raise ValueError(
            f"Got starts of shape {starts.shape}; need (..., 4): weight, bias, output, offset of each run."
        )
    check_lr(lr)
    if not 0 <= momentum < 1:
        raise ValueError(f"Got momentum={momentum}; need 0 <= momentum < 1, such as 0.9.")
    if steps < 0:
        raise ValueError(f"Got steps={steps}; need 0 or more.")
    unknown = sorted(set(learn) - set(NAMES))
    if unknown:
        raise ValueError(f"Got learn={unknown}; need some of {', '.join(NAMES)}.")
    loss(*np.moveaxis(starts, -1, 0), slope=slope)  # refuses bad starts in its own words
    flat = starts.reshape(-1, 4).copy()
    free = np.array([name in learn for name in NAMES])
    goals = np.array([lr * factor(convention), momentum, slope, goal, tol])
    aim = np.array([target.weight, target.bias, target.output, target.offset])
    done, reached = np.zeros(len(flat), np.int64), np.full(len(flat), -1, np.int64)
    losses = np.empty(len(flat))
    _descend(flat, free, goals, aim, int(steps), losses, done, reached)
    shape = starts.shape[:-1]
    return Ends(flat.reshape(starts.shape), losses.reshape(shape), done.reshape(shape), reached.reshape(shape))


@njit(cache=True)
def _tail(x: float) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """Moments of order 0, 1, 2 of the normal density above x."""
    if x == math.inf:
        return 0.0, 0.0, 0.0
    if x == -math.inf:
        return 1.0, 0.0, 1.0
    density = math.exp(-0.5 * x * x) * 0.3989422804014327
    zeroth = 0.5 * math.erfc(x * 0.7071067811865476)
    return zeroth, density, zeroth + x * density


@njit(cache=True)
def _slopes(theta, slope, aim):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(loss, gradient) at one point; see `loss_surface` for the mathematics."""
    w, b, a, c = theta[0], theta[1], theta[2], theta[3]
    mine = (-math.inf if b > 0.0 else math.inf) if w == 0.0 else -b / w
    theirs = (-math.inf if aim[1] > 0.0 else math.inf) if aim[0] == 0.0 else -aim[1] / aim[0]
    e0, e1 = min(mine, theirs), max(mine, theirs)
    # Moments over the three intervals, as differences of the smaller tails.
    r0, r1, r2 = _tail(e1)
    l0, l1, l2 = _tail(-e0)
    if e1 <= e0:
        m0, m1, m2 = 0.0, 0.0, 0.0
    elif e0 > 0.0:
        t0, t1, t2 = _tail(e0)
        m0, m1, m2 = t0 - r0, t1 - r1, t2 - r2
    else:
        t0, t1, t2 = _tail(-e1)
        m0, m1, m2 = t0 - l0, l1 - t1, t2 - l2
    value, gw, gb, ga, gc = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(3):
        if k == 0:
            z, f, s = l0, -l1, l2
        elif k == 1:
            z, f, s = m0, m1, m2
        else:
            z, f, s = r0, r1, r2
        right = k == 2 or (k == 1 and mine <= theirs)
        beyond = k == 2 or (k == 1 and theirs <= mine)
        d = 1.0 if right == (w >= 0.0) else slope
        on = aim[2] if beyond == (aim[0] >= 0.0) else 0.0
        p = a * d * w - on * aim[0]
        q = a * d * b + c - on * aim[1] - aim[3]
        error_x, error = p * s + q * f, p * f + q * z
        value += 0.5 * (p * error_x + q * error)
        gw += a * d * error_x
        gb += a * d * error
        ga += d * (w * error_x + b * error)
        gc += error
    return value, gw, gb, ga, gc


@njit(cache=True, parallel=True)
def _descend(theta, free, numbers, aim, steps, losses, done, reached):  # type: ignore[no-untyped-def]  # pragma: no cover
    lr, momentum, slope, goal, tol = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    for i in prange(theta.shape[0]):
        here = theta[i].copy()
        velocity = np.zeros(4)
        value, g0, g1, g2, g3 = _slopes(here, slope, aim)
        if value <= goal:
            reached[i] = 0
        n = 0
        while n < steps:
            grad = (g0, g1, g2, g3)
            largest = 0.0
            for j in range(4):
                if free[j]:
                    velocity[j] = momentum * velocity[j] + grad[j]
                    largest = max(largest, abs(grad[j]), abs(velocity[j]))
            if largest <= tol:
                break
            finite = True
            for j in range(4):
                if free[j]:
                    here[j] -= lr * velocity[j]
                    finite = finite and abs(here[j]) < 1e100
            n += 1
            if not finite:
                value = math.nan
                break
            value, g0, g1, g2, g3 = _slopes(here, slope, aim)
            if reached[i] < 0 and value <= goal:
                reached[i] = n
            if not value < 1e200:
                value = math.nan
                break
            if here[0] == 0.0 and here[1] == 0.0:  # has a loss, but no gradient
                break
        theta[i] = here
        losses[i] = 0.0 if value < 0.0 else value  # rounding
        done[i] = n
