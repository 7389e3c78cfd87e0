"""What is left of L_12 when the two students are nearly parallel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.critical_region._check import Floats
from trainability.theory.teacher_student.checks import finite


def narrow_cone(x: ArrayLike) -> Floats:
    """The limit of L_12/T^3 as T -> 0 for a teacher at phi = x T.

        (4/3) x for x <= 0,   (2/3) x (1 - x) (2 - x) for 0 <= x <= 1,   -(2/3) (x - 1) for x >= 1

    It has the conjectured sign everywhere, so Conjecture 1 holds in this limit. L_21/T^3 tends to the same at 1 - x.

    Args:
        x: the teacher's angle in units of T, any; 0 and 1 are the students.

    Returns:
        The limit, shape of x. L_12/T^3 itself differs by a share of about (1 + |x|) T or less.

    Raises:
        ValueError: a number that is not finite.

    Source:
        Derived here, from Tian 2017, arXiv 1703.00560, Equation 14.

    >>> narrow_cone([-0.5, 0.0, 0.5, 1.0, 1.5]).round(6).tolist()
    [-0.666667, 0.0, 0.25, 0.0, -0.333333]
    """
    x = finite("x", x)
    return np.asarray(np.where(x < 0, 4 * x, np.where(x > 1, 2 * (1 - x), 2 * x * (1 - x) * (2 - x))) / 3)
