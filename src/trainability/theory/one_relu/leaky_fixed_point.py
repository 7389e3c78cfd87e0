"""Where a leaky ReLU student ends that learns a plain ReLU: not at weight 1, and from below only for a positive slope."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainability.theory.one_relu._convention import check_lr, check_start, factor


@dataclass(frozen=True)
class FixedPoint:
    """A minimum of the population loss.

    Args:
        weight: where it is.
        loss: what is left there, in the asked convention.
        global_: whether no other point has a smaller loss.
    """

    weight: float
    loss: float
    global_: bool


def fixed_points(slope: float, *, convention: str = "half") -> tuple[FixedPoint, ...]:
    """All minima of the loss of a student leaky(w x) on the target relu(x), x ~ N(0, 1).

        w > 0:  w = 1/(1 + c²),  loss f c² / (4 (1 + c²));      w < 0, only for c < 0:  w = c/(1 + c²),  loss f / (4 (1 + c²))

    f = 1 for "half", 2 for "mse". For c > 0 the gradient pushes through 0 from below, and every start ends at 1/(1 + c²),
    which is 1 for c = 0 only: the student cannot be the target. For c < 0 both sides have a minimum, each keeps the
    starts of its side, and for c < -1 the one below 0 is the better one. For c = 0 weight 0 attracts from below and is
    no minimum.

    Args:
        slope: c, any finite number.
        convention: "half" or "mse".

    Returns:
        One FixedPoint for slope >= 0, two for slope < 0, the positive weight first.

    Raises:
        ValueError: slope is not finite.
        UnknownNameError: another convention.

    Source: derived here: the loss is f/4 (w² - 2 w + 1 + c² w²) for w > 0 and f/4 (w² + c² w² - 2 c w + 1) for w < 0.

    >>> round(fixed_points(0.3)[0].weight, 6), [round(p.weight, 6) for p in fixed_points(-0.3)]
    (0.917431, [0.917431, -0.275229])
    """
    if not math.isfinite(slope):
        raise ValueError(f"Got slope={slope}; need a finite number, such as 0.3.")
    f, sharp = factor(convention), 1 + slope * slope
    above = f * slope * slope / (4 * sharp)
    if slope >= 0:
        return (FixedPoint(1 / sharp, above, True),)
    below = f / (4 * sharp)
    return (
        FixedPoint(1 / sharp, above, above <= below),
        FixedPoint(slope / sharp, below, below <= above),
    )


def crossing_step(slope: float, start: float, *, lr: float, convention: str = "half") -> int | None:
    """The step at which gradient descent on the population loss of the leaky student passes 0 from below.

        w_t = p + (1 - h)^t (w_0 - p),   p = c/(1 + c²),   h = lr lam (1 + c²)

    Args:
        slope: c.
        start: w_0 < 0.
        lr: learning rate, > 0; needed is h < 2, where descent is stable.
        convention: "half" (lam = 1/2) or "mse" (lam = 1).

    Returns:
        The first step with w > 0, counted from 1; None where 0 is never passed: c <= 0 and h <= 1.

    Raises:
        ValueError: start not negative, slope not finite, or lr not in (0, 2 / (lam (1 + c²))).
        UnknownNameError: another convention.

    Source: derived here; equal to `runs.simulate`.

    >>> crossing_step(0.3, -10.0, lr=0.01, convention="mse"), crossing_step(-0.3, -10.0, lr=0.01)
    (331, None)
    """
    check_lr(lr)
    check_start(start)
    if not math.isfinite(slope):
        raise ValueError(f"Got slope={slope}; need a finite number, such as 0.3.")
    sharp = 1 + slope * slope
    h, p = 0.5 * factor(convention) * lr * sharp, slope / sharp
    if h >= 2:
        raise ValueError(f"Got lr={lr}, with which descent on curvature {h / lr:g} grows; need lr < {2 * lr / h:g}.")
    if p + (1 - h) * (start - p) > 0:
        return 1
    # For h >= 1 the first step goes farthest up: later ones lie between the start and p, or on the far side of p < 0.
    if p <= 0:
        return None
    return math.floor(math.log(p / (p - start)) / math.log1p(-h)) + 1
