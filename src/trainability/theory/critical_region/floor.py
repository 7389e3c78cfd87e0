"""How far two students are from being critical, whatever their lengths: Theorem 3 with a number."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.critical_region._check import angles, one_angle
from trainability.theory.critical_region._kernel import factors
from trainability.theory.critical_region.separable import both


def gradient_floor(phi: ArrayLike, T: float) -> float:
    """A lower bound on the gradient of two students at angles 0 and T, for all lengths of students and teachers.

        |grad| >= sum_l |v_l| max( min_l |L^l_12|, min_l |L^l_21| ) / (2 pi |c|),
        |c|^2 = 1 - 2 a1 cos T + a1^2 + a2^2,   (a1, a2) = M_r^-1 m_12

    where a minimum counts only if all its L have one strict sign, else 0. With g_j the gradient of student j and e_j
    its direction, 2 pi [ g_1.(e_2 - a1 e_1) - a2 g_2.e_2 ] = -sum_l |v_l| L^l_12 whatever the lengths; Cauchy and
    Schwarz do the rest.

    Args:
        phi: angles of the teachers, radian, (m,), m >= 1, all in the students' plane.
        T: angle between the students, in (0, pi), radian.

    Returns:
        The bound for teachers whose lengths sum to 1, 0 where it says nothing. The gradient is that of both students
        together, of the loss with its factor 1/2.

    Raises:
        ValueError: as `separable_12`, or no teacher.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 3, says that it is not 0; the bound is derived here.

    >>> gradient_floor([0.4, 0.6], 1.0) > 0, gradient_floor([0.0, 1.0], 1.0)
    (True, 0.0)
    """
    T = one_angle(T)
    phi = np.atleast_1d(angles(phi, T)[0]).ravel()
    if len(phi) == 0:
        raise ValueError("Got no teacher; need the angle of one at least. Give phi of shape (m,).")
    L = both(phi, T)
    # what is within rounding of 0 has no sign
    zero = 1e-14 * T
    strict = (zero < L).all(axis=0) | (-zero > L).all(axis=0)
    a, e = factors(T)
    c = math.sqrt(1 - 2 * a * math.cos(T) + a * a + (1 - e) ** 2)
    return float(np.where(strict, np.abs(L).min(axis=0), 0.0).max()) / (2 * math.pi * c)
