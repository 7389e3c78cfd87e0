"""Inside and outside the cone of two students, and what that rules out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.critical_region._check import angles
from trainability.theory.teacher_student.angle import unit
from trainability.theory.teacher_student.checks import networks


def in_cone(phi: ArrayLike, T: ArrayLike) -> NDArray[np.bool_]:
    """Whether a direction lies strictly inside the cone of two students.

        0 < phi < T (mod 2 pi)

    Args:
        phi: angle of the direction, radian; student 1 is at 0.
        T: angle of student 2, in (0, pi), radian.

    Returns:
        True inside.

    Raises:
        ValueError: as `separable_12`.

    Source:
        Tian 2017, arXiv 1703.00560, Conjecture 1.

    >>> in_cone([0.5, 1.5, -0.5], 1.0).tolist()
    [True, False, False]
    """
    phi, T = angles(phi, T)
    return (phi > 0) & (phi < T)


def excluded_by_cones(W: ArrayLike, V: ArrayLike) -> bool:
    """Whether two students in the plane of their teachers are ruled out as a critical point, given Conjecture 1.

        all teachers strictly inside Cone(w_1, w_2), or all strictly outside

    A teacher along a student adds nothing to L_12 or L_21 and may be left out, as long as another one is not.

    Args:
        W: (2, d), students, not parallel.
        V: (m, d), teachers in the students' plane; m = 2 in the source, any m >= 1 here.

    Returns:
        True if the point is not critical. False with teachers on both sides, or all of them along students: no
        statement.

    Raises:
        ValueError: other shapes, parallel students, or a teacher out of the plane.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 4 and Figure 4(b).

    >>> excluded_by_cones([[1.0, 0.2], [0.2, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    True
    >>> excluded_by_cones([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    False
    """
    checked = networks(W, V)
    if checked.W.ndim != 2 or len(checked.W) != 2:
        raise ValueError(f"Got W of shape {checked.W.shape}; need two students, (2, d). See cannot_be_critical.")
    E, U = unit(checked.W), unit(checked.V)
    if np.linalg.matrix_rank(E, tol=1e-8) < 2:
        raise ValueError("Got parallel students; need two directions. See collinear_points.")
    parts = np.linalg.lstsq(E.T, U.T, rcond=None)[0].T
    if np.abs(parts @ E - U).max() > 1e-8:
        raise ValueError("Got a teacher out of the students' plane; need all of them in one plane. Project first.")
    along = np.any(np.abs(parts) < 1e-12, axis=1) & np.all(parts > -1e-12, axis=1)
    inside = np.all(parts > 0, axis=1)[~along]
    return bool(len(inside) and (inside.all() or not inside.any()))
