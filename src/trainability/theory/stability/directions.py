"""How fast each direction of a spectrum is learned, and what happens to those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.stability._numbers import Array, plain
from trainability.theory.stability.growth import _step, spectral_radius, transition
from trainability.theory.stability.iterates import Path, path

CHUNK = 1 << 16


@dataclass(frozen=True)
class Directions:
    """What one rule does to each direction, arrays in the shape of the spectrum.

    Args:
        sharpness: curvature l of each direction.
        rate: factor per step in the long run, the spectral radius; 1 where l is 0.
        steps: first step from which the weight stays within the tolerance; infinite where it never does.
        kind: "creeps" (real roots, the larger positive), "alternates" (negative: the sign flips at every step), "swings"
            (complex roots), "still" (no curvature, so that nothing moves it), "grows" (rate above 1), "nan".
    """

    sharpness: Array
    rate: Array
    steps: Array
    kind: np.ndarray


def directions(
    rule: str, lr: ArrayLike, sharpness: ArrayLike, *, tolerance: float = 1e-3, **hyper: ArrayLike
) -> Directions:
    """What a rule does to each direction of a spectrum: rate, steps to the tolerance, and the kind of its motion.

    For a linear model with singular values s of its data, l = s²/n for the loss 1/(2n) |X w - y|². A direction with
    l = 0 is irrelevant: its gradient is 0 and it stays where it began; noise moves it by `flat_gain`.

    Args:
        rule: one of `RULES`.
        lr: the learning rate.
        sharpness: the spectrum `(n,)`, any signs.
        tolerance: share of its start within which a direction counts as learned, in (0, 1).
        **hyper: that rule's own hyper-parameters.

    Returns:
        Directions.

    Raises:
        UnknownNameError: a rule that is not here.
        ValueError: a tolerance outside (0, 1).

    Source:
        Goh 2017, "Why momentum really works", Distill; the steps derived here from `iterates`.

    >>> found = directions("gradient_descent", 0.01, [100.0, 10.0, 0.0])
    >>> found.steps, found.kind.tolist()
    (array([ 1., 66., inf]), ['creeps', 'creeps', 'still'])
    """
    rate = np.atleast_1d(spectral_radius(rule, lr, sharpness, **hyper))
    found = path(rule, lr, sharpness, **hyper)
    curvature = np.atleast_1d(np.broadcast_to(np.asarray(sharpness, dtype=np.float64), found.trace.shape))
    swings = np.atleast_1d(found.swings)
    larger = np.atleast_1d(found.roots[0])
    kind = np.where(swings, "swings", np.where(larger < 0, "alternates", "creeps"))
    kind = np.where(curvature == 0, "still", np.where(rate > 1 + 1e-12, "grows", kind))
    kind = np.where(np.isnan(rate), "nan", kind)
    steps = np.atleast_1d(settling_steps(rule, lr, sharpness, tolerance=tolerance, **hyper))
    return Directions(curvature, rate, steps, kind)


def settling_steps(
    rule: str, lr: ArrayLike, sharpness: ArrayLike, *, tolerance: float = 1e-3, **hyper: ArrayLike
) -> Any:
    """The first step from which the weight stays within a share of its start, exactly.

        min t with |w_s| <= tolerance |w_0| for all s >= t

    From an empty buffer. ln(tolerance)/ln(rate) is near it for gradient descent, and too few where roots are equal. Where
    the rate is so near to 1 that it has few digits left, so have the steps: about 1e-16/(1 - rate) of them is uncertain.

    Args:
        rule: one of `RULES`.
        lr: the learning rate.
        sharpness: curvature, a number or a spectrum.
        tolerance: in (0, 1).
        **hyper: that rule's own hyper-parameters.

    Returns:
        Steps, whole numbers as floats; infinite where the weight does not shrink, nan where it is nan.

    Raises:
        UnknownNameError: a rule that is not here.
        ValueError: a tolerance outside (0, 1).

    Source:
        Derived here: an envelope of the closed form bounds t from above, the last step outside is looked for below it.

    >>> settling_steps("gradient_descent", 0.01, 1.0)
    688.0
    >>> settling_steps("heavy_ball", 0.01, 1.0, momentum=0.81)
    88.0
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"Got tolerance={tolerance}; need a number between 0 and 1, such as 1e-3.")
    found = path(rule, lr, sharpness, **hyper)
    rate = np.asarray(spectral_radius(rule, lr, sharpness, **hyper))
    steps = np.empty(rate.shape)
    for where in np.ndindex(rate.shape):
        one = Path(*(np.asarray(getattr(found, n)[where]) for n in ("first", "second", "trace", "determinant")))
        steps[where] = _settle(one, float(rate[where]), tolerance)
    return plain(steps)


def _settle(one: Path, rate: float, tolerance: float) -> float:
    if not np.isfinite(rate):
        return float("nan")
    if rate >= 1:
        return float("inf")
    end = _bound(one, rate, tolerance)
    larger, smaller = (float(root) for root in one.roots)
    if end > CHUNK and not bool(one.swings) and smaller * larger >= 0:
        return float(_settle_slow(one, 1 if larger > 0 else -1, end, tolerance))
    size = 64
    while end > 0:
        begin = max(0, end - size)
        outside = np.flatnonzero(~(np.abs(one.at(np.arange(begin, end, dtype=np.float64))) <= tolerance))
        if len(outside):
            return float(begin + outside[-1] + 1)
        end, size = begin, min(2 * size, CHUNK)
    return 0.0


def _settle_slow(one: Path, sign: int, end: int, tolerance: float) -> int:
    """Bisect: two exponentials of one sign turn at most once, so that there are at most two monotone pieces."""

    def weight(t: int) -> float:
        return float(one.at(np.asarray(float(t)))) * (sign if t % 2 == 0 else 1) * sign

    def rises(t: int) -> bool:
        return weight(t + 1) > weight(t)

    turn = 1
    if rises(1) != rises(end):
        turn = _last(lambda t: rises(t) == rises(1), 1, end) + 1
    if abs(weight(turn)) > tolerance:
        return _last(lambda t: abs(weight(t)) > tolerance, turn, end) + 1
    return _last(lambda t: abs(weight(t)) > tolerance, 0, turn) + 1


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last number at which a condition holds that holds at `low`, not at `high`, and changes once between."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _bound(one: Path, rate: float, tolerance: float) -> int:
    """A step from which |w| stays within the tolerance for good, by an envelope."""
    if rate == 0:
        return 4
    root, other = (float(r) for r in one.roots)
    first, turn = abs(float(one.first)), abs(float(one.second) - root * float(one.first))
    if bool(one.swings):
        sine = max(np.sin(np.arctan2(np.sqrt(float(one.determinant) - root**2), root)), 1e-300)
        height, apart = np.hypot(first, turn / rate / sine), 1 / sine
    else:
        height, apart = np.inf, 2 / max(1 - abs(other / root), 1e-300)

    def envelope(k: float) -> float:
        return float(rate**k * min(height, first + turn * min(k, apart) / rate))

    k = max(4.0, -1 / np.log(rate))
    while envelope(k) > tolerance:
        k *= 1.05
    return int(k) + 3


def flat_gain(rule: str, lr: ArrayLike, **hyper: ArrayLike) -> Any:
    """How far one gradient of 1 moves a direction without curvature in the end.

        gradient descent, low pass, Adam  lr;   heavy ball  lr (1 - d)/(1 - b);   Nesterov, RMSProp  lr/(1 - b)

    Such a direction is pushed by noise only: gradients with independent noise of std s carry it to a std of
    gain s sqrt(t) after many steps t. Averaging does not lessen that: the low-pass form with any weight moves it as far
    as gradient descent with the same lr.

    Args:
        rule: one of `RULES`, but not "newton", which has no step there without damping.
        lr: the learning rate.
        **hyper: that rule's own hyper-parameters.

    Returns:
        The distance per unit of gradient; 0 for AdamW with weight decay, which forgets it.

    Raises:
        UnknownNameError: a rule that is not here.

    Source:
        Derived here: the buffer's geometric sum.

    >>> round(flat_gain("heavy_ball", 0.1, momentum=0.9), 12), flat_gain("low_pass", 0.1, weight=0.25)
    (1.0, 0.1)
    """
    matrix = transition(rule, lr, 0.0, **hyper)
    rate, *others = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (lr, *hyper.values())))
    named = dict(zip(hyper, others, strict=True))
    if rule == "newton":
        named["curvature"] = np.zeros_like(rate)
    zero = np.zeros_like(rate)
    with np.errstate(all="ignore"):
        moved, buf = _step(rule)(zero, zero, zero + 1, rate, **named)
        total = moved + matrix[..., 0, 1] * buf / (1 - matrix[..., 1, 1])
        # As a distance: what is left of it in the end, 0 where the weight itself decays.
        return plain(np.where(matrix[..., 0, 0] == 1, np.abs(total), 0.0))
