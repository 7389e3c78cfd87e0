"""Gradient descent on f(x) = x⁴, where the curvature 12 x² is not constant and vanishes at the minimum.

    x <- x - lr 4 x³ = x (1 - 4 lr x²)

|x| shrinks in a step iff 0 < 4 lr x² < 2, and then it does in all later ones. The size of the step lr |f'| does not decide:
x = 0.4, lr = 3.2 has |lr f'| = 0.82 < 1 and diverges, x = 10, lr = 0.004 has 16 > 1 and converges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.stability._numbers import Array, above_zero, at_least_zero, plain


def fate(start: float, lr: float) -> str:
    """What becomes of gradient descent on x⁴.

        4 lr x0²  < 2 "converges",   = 2 "flips" between x0 and -x0 for ever,   > 2 "diverges"

    Args:
        start: x0, any finite number; at 0 it is there already.
        lr: the learning rate, > 0.

    Returns:
        One of the three words. "flips" only where the product is 2 to the last digit.

    Raises:
        ValueError: an lr that is not above 0, or a start that is not finite.

    Source:
        Derived here: |1 - 4 lr x²| against 1.

    >>> fate(0.4, 3.2), fate(10.0, 0.004), fate(1.0, 0.5)
    ('diverges', 'converges', 'flips')
    """
    if not np.isfinite(start):
        raise ValueError(f"Got start={start}; need a finite number.")
    product = 4 * float(above_zero("lr", lr)) * start * start
    return "converges" if product < 2 else "flips" if product == 2 else "diverges"


def largest_stable_lr(start: ArrayLike) -> Any:
    """The lr below which gradient descent on x⁴ converges from a start: 1/(2 x0²).

    Three times what 2 over the curvature at the start, 12 x0², would allow: the curvature falls on the way.

    Args:
        start: x0, any finite number.

    Returns:
        The lr, infinite for a start at 0.

    Raises:
        ValueError: a start that is not finite.

    Source:
        Derived here from 4 lr x0² = 2.

    >>> largest_stable_lr(0.5)
    2.0
    """
    size = at_least_zero("|start|", np.abs(start))
    return plain(np.where(size > 0, 0.5 / np.where(size > 0, size, 1.0) ** 2, np.inf))


def descend(start: ArrayLike, lr: ArrayLike, steps: int) -> Array:
    """The path of gradient descent on x⁴.

    Args:
        start: x0, a number or an array.
        lr: the learning rate, > 0, a number or an array.
        steps: at least 0.

    Returns:
        x_0 to x_steps `(steps + 1, ...)`; infinite or nan where it diverged.

    Raises:
        ValueError: an lr that is not above 0.

    Source:
        The recursion itself.

    >>> descend(1.0, 0.125, 2)
    array([1.    , 0.5   , 0.4375])
    """
    x, rate = np.broadcast_arrays(np.asarray(start, dtype=np.float64), above_zero("lr", lr))
    found = [x]
    with np.errstate(all="ignore"):
        for _ in range(steps):
            x = x * (1 - 4 * rate * x * x)
            found.append(x)
    return np.stack(found)


def late(lr: ArrayLike, times: ArrayLike) -> Any:
    """Where gradient descent on x⁴ is after many steps, from any start that converges.

        x_t -> 1/sqrt(8 lr t): slower than any rate^t, because the curvature vanishes with x

    Args:
        lr: the learning rate, > 0.
        times: t, > 0.

    Returns:
        |x_t| to leading order.

    Raises:
        ValueError: an lr or a time that is not above 0.

    Source:
        Derived here: 1/x² grows by 8 lr per step to leading order.

    >>> late(0.125, 100.0)
    0.1
    """
    return plain(1 / np.sqrt(8 * above_zero("lr", lr) * above_zero("times", times)))
