"""Gradient descent in the plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.symmetric_dynamics._plane import Floats, checked, rates


def descend(x0: ArrayLike, y0: ArrayLike, K: int, lr: float = 0.01, steps: int = 1000) -> tuple[Floats, Floats]:
    """Gradient descent in the plane: explicit Euler steps.

        (x, y) <- (x, y) + lr (dx/dt, dy/dt)

    Args:
        x0, y0: starts, any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.
        lr: step, above 0. One that is too large shows in the path: it grows, and ends in numbers that are not finite.
        steps: 0 or more.

    Returns:
        (x, y), each (steps + 1, ...), the start first; nan after a step onto x = y = 0, where no gradient is defined.

    Raises:
        ValueError: as `field` for the start; an lr that is not positive; a number of steps that is not whole.

    Source:
        The protocol of Figure 8 of Tian 2017, arXiv 1703.00560, in the paper's public code: lr 0.01 (there divided by
        2 pi, on the bracket), 1000 steps, start (1e-3, 0).

    >>> x, y = descend(1e-3, 0.0, 2)
    >>> round(float(y.max()), 6), int(y.argmax())
    (0.361163, 221)
    """
    if not (np.isfinite(lr) and lr > 0) or steps < 0 or steps != int(steps):
        raise ValueError(f"Got lr={lr}, steps={steps}; need lr > 0 and steps >= 0, such as 0.01 and 1000.")
    x, y = np.broadcast_arrays(*checked(x0, y0, K))
    steps = int(steps)
    xs, ys = np.empty((steps + 1, *x.shape)), np.empty((steps + 1, *x.shape))
    xs[0], ys[0] = x, y
    with np.errstate(all="ignore"):  # divergence is an outcome
        for i in range(steps):
            dx, dy = rates(xs[i], ys[i], K)
            xs[i + 1], ys[i + 1] = xs[i] + lr * dx, ys[i] + lr * dy
    return xs, ys
