"""The normal equations of a two-layer ReLU network: when is a set of weights a critical point of the population loss?

Student rows w_j (K of them) and teacher rows v_l (m), all output weights 1. With t_jk the angle between students,
s_lj the one between teacher l and student j, and bars for lengths, the gradients of all students vanish iff

    Y E = B V,   Y = diag(sin(t) wbar - sin(s)' vbar) + (pi - t) diag(wbar),   B = (pi - s)'

(E, V: unit rows of the student, rows of the teacher). Projected on the students' directions it is linear in the
lengths: M wbar = M* vbar. Its diagonal rows give the lengths from the angles, and what remains is one number per pair
of students and teacher, L_jj', which knows angles only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.angle import angle, norm, unit
from trainability.theory.teacher_student.checks import at_least_zero, networks
from trainability.theory.teacher_student.kernel import normalised_kernel as h

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NormalEquations:
    """The matrices of the normal equations at one point.

    Args:
        theta: (K, K), angles between students. theta_star: (m, K), angles of teacher (row) and student (column).
        lengths: (K,), the students'. lengths_star: (m,), the teachers'.
        Y: (K, K). B_star: (K, m).
        M: (K, K, K), entry [j, j', k]: equation of student j, projected on student j', factor of student k's length.
        M_star: (K, K, m), likewise for the teachers' lengths.
        M_r: (K, K), the rows j = j' of M, h(theta). M_r_star: (K, m).
    """

    theta: Floats
    theta_star: Floats
    lengths: Floats
    lengths_star: Floats
    Y: Floats
    B_star: Floats
    M: Floats
    M_star: Floats
    M_r: Floats
    M_r_star: Floats


def normal_equations(W: ArrayLike, V: ArrayLike) -> NormalEquations:
    """All matrices of the normal equations.

        Y = diag(sin(theta)' wbar - sin(theta*)' vbar) + (pi - theta') diag(wbar),   B* = (pi - theta*)'
        M[j,j',k]  = (pi - theta_kj) cos theta_kj' + sin theta_kj cos theta_jj'      M* likewise with theta*_kj, theta*_kj'
        M_r = h(theta'),   M*_r = h(theta*')

    Args:
        W: (K, d), student rows, none zero.
        V: (m, d), teacher rows, none zero; m = K in the source, any m here.

    Returns:
        NormalEquations.

    Raises:
        ValueError: shapes that do not fit, no rows, a zero row, a number that is not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Equations 9 to 13.

    >>> eq = normal_equations([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    >>> bool(np.allclose(eq.M_r @ eq.lengths, eq.M_r_star @ eq.lengths_star))
    True
    """
    W, V = _rows(W, V)
    theta = angle(W[:, None], W[None, :])
    theta_star = angle(V[:, None], W[None, :])
    lengths, lengths_star = norm(W), norm(V)
    Y = np.diag(np.sin(theta).T @ lengths - np.sin(theta_star).T @ lengths_star) + (np.pi - theta.T) * lengths
    return NormalEquations(
        theta, theta_star, lengths, lengths_star, Y, (np.pi - theta_star).T,
        _projected(theta, theta), _projected(theta_star, theta), h(theta.T), h(theta_star.T),
    )  # fmt: skip


def residual(W: ArrayLike, V: ArrayLike) -> Floats:
    """What is left of the normal equations: 2 pi times the population gradient, zero at a critical point.

        Y E - B* V

    Args:
        W: (K, d), student rows, none zero.
        V: (m, d), teacher rows, none zero.

    Returns:
        (K, d), row j for student j.

    Raises:
        ValueError: as `normal_equations`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 9.

    >>> float(np.abs(residual([[0.0, 2.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]])).max()) < 1e-14
    True
    """
    W, V = _rows(W, V)
    eq = normal_equations(W, V)
    return eq.Y @ unit(W) - eq.B_star @ V


def separable(W: ArrayLike, V: ArrayLike) -> Floats:
    """The quantity L_jj' of every teacher: what each one adds to the equations left when the lengths are eliminated.

        L_jj' = m*_jj' - v' M_r^-1 m_jj',   v_k = h(angle(v, w_k)),   m_jj' = (M[j,j',k])_k

    Only the directions enter. L_jj = 0 always; L_jj' = 0 if the teacher points along some student. If the lengths
    solve M_r wbar = M*_r vbar, then (M wbar - M* vbar)_jj' = -sum_l |v_l| L^l_jj'.

    Args:
        W: (K, d), student rows, none zero, no two parallel.
        V: (m, d), teacher rows, none zero.

    Returns:
        (m, K, K), entry [l, j, j'].

    Raises:
        ValueError: as `normal_equations`; or two parallel students, where M_r is singular.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 and Proposition 1.

    >>> L = separable([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]])
    >>> bool(L[0, 0, 1] > 0), bool(L[0, 0, 0] == 0)
    (True, True)
    """
    eq = normal_equations(W, V)
    # w_j = v_l exactly would give 0 up to rounding; the diagonal is 0 by definition
    left = np.linalg.solve(eq.M_r, _invertible(eq).M_r_star)  # (K, m)
    L = np.moveaxis(eq.M_star, -1, 0) - np.einsum("kl,ijk->lij", left, eq.M)
    L[:, np.arange(L.shape[1]), np.arange(L.shape[1])] = 0.0
    return L


def critical_lengths(W: ArrayLike, V: ArrayLike) -> Floats:
    """The only lengths that students of these directions could have at a critical point.

        wbar = M_r^-1 M*_r vbar

    A negative length says that there is no critical point with these directions.

    Args:
        W: (K, d), student rows, none zero, no two parallel; their own lengths do not matter.
        V: (m, d), teacher rows, none zero.

    Returns:
        (K,).

    Raises:
        ValueError: as `separable`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 13.

    >>> critical_lengths([[5.0, 0.0], [0.0, 7.0]], [[1.0, 0.0], [0.0, 3.0]]).round(12).tolist()
    [1.0, 3.0]
    """
    eq = _invertible(normal_equations(W, V))
    return np.asarray(np.linalg.solve(eq.M_r, eq.M_r_star @ eq.lengths_star), dtype=np.float64)


def cannot_be_critical(W: ArrayLike, V: ArrayLike, margin: float = 1e-12) -> bool:
    """Whether the angles alone rule out a critical point: some L_jj' has the same strict sign for every teacher.

        exists j != j':   min_l L^l_jj' > margin   or   max_l L^l_jj' < -margin

    False says nothing: the condition is sufficient, not necessary.

    Args:
        W: (K, d), student rows, none zero, no two parallel; K = 1 has no pair and gives False.
        V: (m, d), teacher rows, none zero.
        margin: what still counts as zero, 0 or more; rounding in L is about 1e-14 for well separated students.

    Returns:
        True if no lengths make W a critical point.

    Raises:
        ValueError: as `separable`; or a margin below 0.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 3.

    >>> cannot_be_critical([[1.0, 0.1], [1.0, -0.1]], [[1.0, 1.0], [1.0, -1.0]])
    True
    >>> cannot_be_critical([[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0], [1.0, -1.0]])
    False
    """
    L, margin = separable(W, V), at_least_zero("margin", margin, "Use 1e-12.")
    return bool(((L.min(axis=0) > margin) | (L.max(axis=0) < -margin)).any())


def _projected(theta_from: Floats, theta: Floats) -> Floats:
    """[j, j', k] = (pi - theta_from_kj) cos theta_from_kj' + sin theta_from_kj cos theta_jj'."""
    to_j, to_other = theta_from.T[:, None, :], theta_from.T[None, :, :]
    return (np.pi - to_j) * np.cos(to_other) + np.sin(to_j) * np.cos(theta)[:, :, None]


def _invertible(eq: NormalEquations) -> NormalEquations:
    parallel = np.argwhere(np.triu(eq.theta < 1e-8, 1))
    if len(parallel):
        i, j = parallel[0]
        raise ValueError(
            f"Got students {i} and {j} parallel (angle {eq.theta[i, j]:.1e}); need distinct directions, or M_r is "
            "singular. Merge the two, or see critical_region.collinear_points."
        )
    return eq


def _rows(W: ArrayLike, V: ArrayLike) -> tuple[Floats, Floats]:
    checked = networks(W, V)
    if checked.W.ndim != 2:
        raise ValueError(f"Got W of shape {checked.W.shape}; need one student (K, d). Call once per student.")
    return checked.W, checked.V
