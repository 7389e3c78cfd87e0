"""The collinear saddle as the source states it, and how large the gradient is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.critical_region._check import Floats
from trainability.theory.teacher_student.angle import norm, unit
from trainability.theory.teacher_student.checks import networks


def bisector_point(V: ArrayLike, share: float = 0.5) -> Floats:
    """Two students along the bisector of two teachers, as long as the source says.

        u = bisector,   pi (|w_1| + |w_2|) = h(t/2) (|v_1| + |v_2|),   t = angle(v_1, v_2)

    It is critical only when |v_1| = |v_2|; see `bisector_gradient`, and `collinear_points` for the general case.

    Args:
        V: (2, d), teachers, not opposite.
        share: of student 1 in the length, in (0, 1).

    Returns:
        W, (2, d).

    Raises:
        ValueError: another number of teachers, opposite teachers, or a share outside (0, 1).

    Source:
        Tian 2017, arXiv 1703.00560, Section 5.3, "Saddle points".

    >>> bisector_point([[1.0, 0.0], [0.0, 1.0]]).round(6).tolist()
    [[0.534155, 0.534155], [0.534155, 0.534155]]
    """
    middle, half, lengths = _middle(V)
    if not 0 < share < 1:
        raise ValueError(f"Got share={share}; need 0 < share < 1: a student of length 0 has no gradient. Try 0.5.")
    total = ((np.pi - half) * np.cos(half) + np.sin(half)) * lengths.sum() / np.pi
    return total * np.array([[share], [1 - share]]) * middle


def bisector_gradient(V: ArrayLike) -> float:
    """The length of each student's gradient at the source's point: 0 for teachers of equal length only.

        |dL/dw_j| = (pi - t/2) sin(t/2) ||v_1| - |v_2|| / (2 pi),   t = angle(v_1, v_2)

    It is across the bisector, the same for both students, and does not depend on how they share the length.

    Args:
        V: (2, d), teachers, not opposite.

    Returns:
        The length for one student; both together have sqrt(2) times it.

    Raises:
        ValueError: as `bisector_point`.

    Source:
        Derived here, from Tian 2017, arXiv 1703.00560, Equation 8.

    >>> round(bisector_gradient([[1.0, 0.0], [0.0, 2.0]]), 6), bisector_gradient([[1.0, 0.0], [0.0, 1.0]])
    (0.265165, 0.0)
    """
    _, half, lengths = _middle(V)
    return float((np.pi - half) * np.sin(half) * abs(lengths[0] - lengths[1]) / (2 * np.pi))


def _middle(V: ArrayLike) -> tuple[Floats, float, Floats]:
    """The bisector's direction, half the angle, and the lengths."""
    V = networks(V, V).V
    units = unit(V)
    middle = units.sum(axis=0)
    if len(V) != 2 or norm(middle) < 1e-12:
        raise ValueError(
            f"Got {len(V)} teachers{' that are opposite' if len(V) == 2 else ''}; need two that are not opposite, so "
            "that there is one bisector. See collinear_points."
        )
    return unit(middle), float(np.arctan2(norm(units[0] - units[1]), norm(middle))), norm(V)
