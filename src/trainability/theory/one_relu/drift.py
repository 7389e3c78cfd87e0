"""How a unit that answers only where the target is 0 dies: its elbow drifts outwards for ever, at a rate in closed form."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import dawsn

from trainability.theory.one_relu._convention import factor

Array = NDArray[np.float64]


def elbow_after(elbow: ArrayLike, time: ArrayLike, *, output: float = 1.0, convention: str = "half") -> Array:
    """The elbow of a student output · relu(weight · x + bias) with weight < 0 and elbow <= 0 under gradient flow on relu(x).

    Such a unit answers for x < elbow only, where the target is 0. With s = |weight|, u = -elbow and z = s (y - u), y = -x:

        ds/dt = -f output² E z y 1{y > u},   d(bias)/dt = -f output² E z 1{y > u},   u = -bias/s
        du/dt = f output² (E(y - u)₊ + u E(y - u)₊ y) = f output² φ(u),   as E(y - u)₊ = φ(u) - u Q(u), E(y - u)₊ y = Q(u)
        G(u(t)) = G(u(0)) + f output² t / sqrt(2 pi),   G(u) = ∫_0^u exp(v²/2) dv = sqrt(2) exp(u²/2) D(u / sqrt(2))

    D is Dawson's integral. Weight and bias enter through the elbow only. It never comes back and never stops: for long
    times u is about sqrt(2 log t). Gradient descent follows with time = lr · steps.

    Args:
        elbow: -bias / weight at time 0, <= 0, any shape.
        time: lr · steps, >= 0, a shape that broadcasts.
        output: the output weight, which stays, not 0; the offset is 0.
        convention: "half" or "mse", the loss that lr belongs to.

    Returns:
        The elbow at that time, <= 0, in the common shape.

    Raises:
        ValueError: an elbow above 0 or not finite, a time below 0 or not finite, an output of 0 or not finite.
        UnknownNameError: another convention.

    Source: derived here; the tests hold it against gradient descent.

    >>> round(float(elbow_after(0.0, 600.0, convention="mse")), 3)
    -3.856
    """
    start, when = np.broadcast_arrays(-np.asarray(elbow, float), np.asarray(time, float))
    if not (np.isfinite(start) & (start >= 0)).all():
        raise ValueError(
            "Got an elbow that is not finite or above 0; need elbow <= 0, where the unit sees no part of the target. "
            "Run `descent.descend` until it is there."
        )
    if not (np.isfinite(when) & (when >= 0)).all():
        raise ValueError("Got a time that is not finite or below 0; need time >= 0, the learning rate times the steps.")
    if not (math.isfinite(output) and output != 0):
        raise ValueError(f"Got output={output}; need a finite output weight other than 0, such as 1.")
    rate = factor(convention) * output * output / math.sqrt(2 * math.pi)
    with np.errstate(divide="ignore"):
        aim = np.logaddexp(_log_growth(start), np.log(rate * when))
    # G(sqrt(2 L) + 3) > exp(L) for L >= 0, and G(3) > 1.
    low, high = start.copy(), np.maximum(start, np.sqrt(2 * np.maximum(aim, 0.0)) + 3.0)
    for _ in range(70):  # halves 40 to below its rounding
        middle = 0.5 * (low + high)
        below = _log_growth(middle) < aim
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(-low)


def time_to_elbow(elbow: ArrayLike, target: ArrayLike, *, output: float = 1.0, convention: str = "half") -> Array:
    """The time (lr · steps) that the drift of `elbow_after` takes from one elbow to another.

        t = sqrt(2 pi) (G(-target) - G(-elbow)) / (f output²)

    Args:
        elbow: at time 0, <= 0.
        target: at the end, <= elbow; shapes broadcast.
        output, convention: as in `elbow_after`.

    Returns:
        The time; inf where no float holds it.

    Raises:
        ValueError: not target <= elbow <= 0, or an output of 0 or not finite.
        UnknownNameError: another convention.

    Source: derived here, see `elbow_after`.

    >>> f"{float(time_to_elbow(0.0, -10.0)):.1e}"
    '1.3e+21'
    """
    start, end = np.broadcast_arrays(-np.asarray(elbow, float), -np.asarray(target, float))
    if not (np.isfinite(end) & (start >= 0) & (end >= start)).all():
        raise ValueError(
            "Got elbows out of order; need finite numbers with target <= elbow <= 0: the drift is outwards."
        )
    if not (math.isfinite(output) and output != 0):
        raise ValueError(f"Got output={output}; need a finite output weight other than 0, such as 1.")
    rate = factor(convention) * output * output / math.sqrt(2 * math.pi)
    late, early = _log_growth(end), _log_growth(start)
    with np.errstate(over="ignore", invalid="ignore"):
        share = np.where(late > early, -np.expm1(early - late), 0.0)
        return np.asarray(np.where(share > 0, np.exp(late) * share / rate, 0.0))


def _log_growth(u: Array) -> Array:
    """log ∫_0^u exp(v²/2) dv."""
    with np.errstate(divide="ignore"):
        return np.asarray(0.5 * math.log(2) + 0.5 * u * u + np.log(dawsn(u / math.sqrt(2))))
