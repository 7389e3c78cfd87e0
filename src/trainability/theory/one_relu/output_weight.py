"""One ReLU without bias whose output weight learns as well, a relu(w x) against relu(x), x ~ N(0, 1): which starts succeed.

    w > 0:  L = (a w - 1)²/4,   w < 0:  L = (a w)²/4 + 1/4      (with the 1/2)

Either side is a product of two numbers that descent moves alike, so that gradient flow conserves a² - w². It follows that

    success  iff  w > 0 and a > -w:                      3/8 of all directions
    w > 0, a < -w:  w comes to 0 with a = -√(a² - w²) and stays there, loss 1/4
    w < 0:          a w comes to 0, at w = 0 if |a| > |w| and at a = 0 if |a| < |w|, loss 1/4

A step of gradient descent multiplies a² - w² by exactly 1 - (lr g)², with g = f (a w - 1)/2 or f a w/2, so that as long
as |lr g| < 1 its sign cannot change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.one_relu._convention import check_lr, factor

Array = NDArray[np.float64]

SHARE = 3 / 8
"""Of starts (w, a) whose distribution does not change under sign changes and exchange, such as N(0, 1)²."""


def succeeds(weight: ArrayLike, output: ArrayLike) -> NDArray[np.bool_]:
    """Whether gradient flow arrives at a w = 1 with w > 0.

        w > 0 and a > -w

    Args:
        weight: w, any shape.
        output: a; broadcasts with it.

    Returns:
        Booleans in that shape.

    Raises:
        ValueError: a number that is not finite.

    Source: derived here from the conserved a² - w²: a can pass 0 on the side w > 0 only from |a| < w.

    >>> succeeds([1.0, 1.0, -1.0], [-0.5, -1.5, 2.0]).tolist()
    [True, False, False]
    """
    w, a = _checked(weight, output)
    return np.asarray((w > 0) & (a > -w))


def limit(weight: ArrayLike, output: ArrayLike) -> tuple[Array, Array]:
    """Where gradient flow ends, in closed form.

        success:     w = √((√(Q² + 4) - Q)/2),  a = 1/w,   Q = a² - w²
        w = 0 side:  (0, ±√Q) for Q > 0, with the sign of a;  (-√-Q, 0) for Q < 0 from w < 0

    Args:
        weight: w, any shape, not 0.
        output: a; broadcasts with it.

    Returns:
        (w, a) at the end.

    Raises:
        ValueError: a number that is not finite, or a weight of 0.

    Source: derived here; equal to Runge-Kutta on the gradient.

    >>> [x.round(6).tolist() for x in limit([0.5, -2.0], [0.5, 1.0])]
    [[1.0, -1.732051], [1.0, 0.0]]
    """
    w, a = np.broadcast_arrays(*_checked(weight, output))
    if (w == 0).any():
        raise ValueError("Got weight = 0; need another: the gradient there depends on the direction of approach.")
    good, q = succeeds(w, a), a * a - w * w
    # (√(q² + 4) - q)/2 without cancellation for q > 0
    root = np.sqrt(q * q + 4)
    square = np.where(q > 0, 2 / (root + np.abs(q)), (root + np.abs(q)) / 2)
    end_w = np.where(good, np.sqrt(square), np.where(q < 0, -np.sqrt(np.maximum(-q, 0)), 0.0))
    end_a = np.where(good, 1 / np.sqrt(square), np.where(q > 0, np.sign(a) * np.sqrt(np.maximum(q, 0)), 0.0))
    return end_w, end_a


@dataclass(frozen=True, eq=False)
class Ends:
    """Where gradient descent ended.

    Args:
        weight, output: w and a; nan or infinite where a run diverged.
        loss: population loss, with the 1/2.
        kept: product of 1 - (lr g)² over the steps: the factor of a² - w².
    """

    weight: Array
    output: Array
    loss: Array
    kept: Array


def descend(
    weight: ArrayLike,
    output: ArrayLike,
    lr: ArrayLike,
    steps: int,
    *,
    below: ArrayLike = 0.5,
    above: ArrayLike = 0.5,
    convention: str = "half",
) -> Ends:
    """Gradient descent with steps of finite length on both weights.

        (w, a) <- (w, a) - lr g (a, w),   g = f (a w - 1) S₊ for w > 0,  f a w S₋ for w < 0,  0 for w = 0

    Args:
        weight: w, any shape.
        output: a; broadcasts.
        lr: > 0; broadcasts.
        steps: >= 0.
        below, above: S₋ = mean(x² 1{x < 0}) and S₊ of the sample; 1/2 for the population. Broadcast.
        convention: "half" (f = 1) or "mse" (f = 2).

    Returns:
        Ends, whose loss is that of these S.

    Raises:
        ValueError: a number that is not finite, an lr of 0 or less, steps below 0.
        UnknownNameError: another convention.

    Source: derived here.

    >>> end = descend(1.0, -0.5, 0.1, 2000)
    >>> float((end.weight * end.output).round(6)), bool(abs(end.kept * -0.75 - (end.output**2 - end.weight**2)) < 1e-12)
    (1.0, True)
    """
    w, a = _checked(weight, output)
    rate = np.asarray(lr, float)
    for value in np.unique(rate):
        check_lr(float(value))
    if steps < 0:
        raise ValueError(f"Got steps={steps}; need 0 or more.")
    f = factor(convention)
    w, a, rate, low, high = (x.copy() for x in np.broadcast_arrays(w, a, rate, *_checked(below, above)))
    kept = np.ones_like(w)
    with np.errstate(all="ignore"):
        for _ in range(steps):
            g = rate * f * np.where(w > 0, (a * w - 1) * high, np.where(w < 0, a * w * low, 0.0))
            w, a = w - g * a, a - g * w
            kept = kept * (1 - g * g)
        left = np.where(w > 0, (a * w - 1) ** 2 * high, a * a * w * w * low + high) / 2
    return Ends(w, a, left, kept)


def jump_radius(lr: float, *, convention: str = "half") -> float:
    """The |a| above which the first step from w < 0 passes 0, whatever w is.

        w (1 - lr lam a²) > 0  iff  |a| > 1/√(lr lam)

    Args:
        lr: > 0.
        convention: "half" (lam = 1/2) or "mse" (lam = 1).

    Returns:
        The radius.

    Raises:
        ValueError: an lr that is not positive and finite.
        UnknownNameError: another convention.

    Source: derived here.

    >>> jump_radius(0.25, convention="mse")
    2.0
    """
    check_lr(lr)
    return 1 / math.sqrt(lr * factor(convention) / 2)


def _checked(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    w, a = np.asarray(first, float), np.asarray(second, float)
    if not (np.isfinite(w).all() and np.isfinite(a).all()):
        raise ValueError("Got a number that is not finite; need finite ones. Leave out the runs that diverged.")
    return w, a
