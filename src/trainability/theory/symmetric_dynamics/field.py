"""The gradient flow in the plane of symmetric students."""

from __future__ import annotations

from numpy.typing import ArrayLike

from trainability.theory.symmetric_dynamics._plane import Floats, checked, rates


def field(x: ArrayLike, y: ArrayLike, K: int) -> tuple[Floats, Floats]:
    """The gradient flow in the plane: (dx/dt, dy/dt), minus the population gradient of each weight.

        2 pi dx/dt = -[ A + phi (x-1) + theta - C x ],   2 pi dy/dt = -[ A + phi y + phi* - phi - C y ]

    Args:
        x, y: any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        (dx/dt, dy/dt).

    Raises:
        ValueError: K below 2, x = y = 0, or a number that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 7 and its supplement; here with angles by atan2.

    >>> dx, dy = field(1e-3, 0.0, 2)
    >>> round(float(dx), 8), round(float(dy), 8)
    (0.65849579, 0.24975)
    """
    return rates(*checked(x, y, K), K)
