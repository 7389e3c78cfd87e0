"""The population loss in the plane, and the distance to the teacher."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.symmetric_dynamics._plane import Floats, angles, check_k, checked
from trainability.theory.teacher_student.kernel import normalised_kernel as h


def loss(x: ArrayLike, y: ArrayLike, K: int) -> Floats:
    """The population loss in the plane.

        K/2 [ (rho^2 + 1)/2 + (K-1)(rho^2 h(phi) + 1)/(2 pi) ] - K rho [ h(theta) + (K-1) h(phi*) ]/(2 pi)

    Args:
        x, y: any shapes that broadcast, not both 0.
        K: number of students and teachers, 2 or more.

    Returns:
        The loss, 0 at (1, 0) up to rounding of about 1e-16 K^2.

    Raises:
        ValueError: as `field`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 2, in the plane of Theorem 7.

    >>> from trainability.theory.symmetric_dynamics.diagonal import saddle
    >>> round(float(loss(*saddle(2), 2)), 10)
    0.0885119366
    """
    x, y = checked(x, y, K)
    theta, phi_star, phi, rho = angles(x, y, K)
    own = (rho**2 + 1) / 2 + (K - 1) * (rho**2 * h(phi) + 1) / (2 * np.pi)
    return K * own / 2 - K * rho * (h(theta) + (K - 1) * h(phi_star)) / (2 * np.pi)


def loss_at_zero(K: int) -> float:
    """The loss when all weights tend to 0: half the teacher's mean square.

        K/4 + K (K-1)/(4 pi)

    Args:
        K: number of teachers, 2 or more.

    Returns:
        The loss.

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 2 at w -> 0.

    >>> round(loss_at_zero(10), 6)
    9.661972
    """
    check_k(K)
    return K / 4 + K * (K - 1) / (4 * np.pi)


def squared_error(x: ArrayLike, y: ArrayLike, K: int) -> Floats:
    """How far a student is from its teacher, as the source's Figure 8(d) shows it.

        (x - 1)^2 + (K - 1) y^2

    Args:
        x, y: any shapes that broadcast.
        K: number of students and teachers, 2 or more.

    Returns:
        |w_1 - v_1|^2; not finite where x or y is not, so that it can follow a path that diverges.

    Raises:
        ValueError: K below 2.

    Source:
        Tian 2017, arXiv 1703.00560, Figure 8(d).

    >>> round(float(squared_error(1e-3, 0.0, 7)), 6)
    0.998001
    """
    check_k(K)
    with np.errstate(over="ignore", invalid="ignore"):
        return (np.asarray(x, float) - 1) ** 2 + (K - 1) * np.asarray(y, float) ** 2
