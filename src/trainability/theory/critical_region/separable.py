"""L_12 and L_21 of two students in a plane, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.critical_region._check import Floats, angles
from trainability.theory.critical_region._kernel import fill, fill_textbook


def separable_12(phi: ArrayLike, T: ArrayLike) -> Floats:
    """L_12 of one teacher direction for two students in a plane.

        L_12 = m*_12 - v' M_r^-1 m_12 = (pi - t1) cos t2 + sin t1 cos T - h(t1) a1 - h(t2) a2
        (a1, a2) = (pi m1 - h(T) m2, pi m2 - h(T) m1)/(pi^2 - h(T)^2),   m = (pi cos T, pi - T + sin T cos T)

    with t1, t2 the teacher's angles to the students, folded into [0, pi]. It is evaluated in a form that does not
    cancel as T -> 0. In, near and opposite to a narrow cone L_12 is itself of size T^3: below T = 1e-6 few digits are
    left, and `precise` or `narrow_cone` is the better choice.

    Args:
        phi: angle of the teacher, radian, any; student 1 is at 0.
        T: angle between the students, in (0, pi), radian; student 2 is at T. Broadcasts with phi.

    Returns:
        L_12 with an absolute error below 1e-14 T.

    Raises:
        ValueError: a T outside (0, pi) or numbers that are not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 and Figure 10; the form without cancellation is derived here.

    >>> round(float(separable_12(3 * np.pi / 16, 3 * np.pi / 8)), 6)
    0.378428
    """
    return both(phi, T)[..., 0]


def separable_21(phi: ArrayLike, T: ArrayLike) -> Floats:
    """L_21 of one teacher direction for two students in a plane: L_12 seen in the mirror.

        L_21(phi, T) = L_12(T - phi, T)

    Args:
        phi: angle of the teacher, radian, any; student 1 is at 0.
        T: angle between the students, in (0, pi), radian; student 2 is at T. Broadcasts with phi.

    Returns:
        L_21 with an absolute error below 1e-14 T.

    Raises:
        ValueError: as `separable_12`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 and Figure 10.

    >>> bool(separable_21(0.3, 1.0) > 0), bool(separable_21(2.0, 1.0) < 0)
    (True, True)
    """
    return both(phi, T)[..., 1]


def both(phi: ArrayLike, T: ArrayLike, textbook: bool = False) -> Floats:
    """L_12 and L_21 along a last axis of 2; `textbook` evaluates the formula as it is written, which cancels."""
    phi, T = np.broadcast_arrays(*angles(phi, T))
    flat = np.empty((phi.size, 2))
    kernel = fill_textbook if textbook else fill
    kernel(np.ascontiguousarray(phi, float).ravel(), np.ascontiguousarray(T, float).ravel(), flat)
    return flat.reshape(*phi.shape, 2)
