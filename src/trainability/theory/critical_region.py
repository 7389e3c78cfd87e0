"""Where two ReLUs cannot be at rest: the sign of L_12 and L_21 for two students in a plane, and their collinear saddle.

Student 1 points along angle 0, student 2 along T in (0, pi), a teacher along phi. The conjecture: L_12 and L_21 are
positive when the teacher lies inside the cone of the students and negative outside. With it, two students with both
teachers inside their cone, or both outside, are not critical.

In the textbook form L_12 is a difference of numbers of order 1 divided by a determinant that vanishes as T -> 0. With
l = sin T - T cos T, computed to full relative accuracy, everything small is small from the start:

    H = pi (1 - cos T) - l,   D = H (2 pi - H)
    a = [ pi (sin^3 T - 2 l) + l (T sin^2 T - l cos T) ]/D,   e = [ pi T sin^2 T - 2 pi l cos T - l^2 ]/D
    L_12 = (t2 - t1) cos t2 + (sin t1 cos T - sin t2) - a h(t1) + e h(t2),   t1 = |phi|, t2 = |phi - T| (both folded)

and L_21 by exchanging t1 and t2. The bracket, too, is sin T cos phi up to sign and 2 sin t1 cos T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from trainability.theory.teacher_student.angle import norm, unit
from trainability.theory.teacher_student.checks import networks
from trainability.theory.teacher_student.loss import loss

Floats = NDArray[np.float64]


def separable_12(phi: ArrayLike, T: ArrayLike) -> Floats:
    """L_12 of one teacher direction for two students in a plane.

        L_12 = m*_12 - v' M_r^-1 m_12, in the form of this module's head

    Args:
        phi: angle of the teacher, radian, any; student 1 is at 0.
        T: angle between the students, in (0, pi), radian; student 2 is at T. Broadcasts with phi.

    Returns:
        L_12 with an error below 2e-14 T.

    Raises:
        ValueError: a T outside (0, pi) or numbers that are not finite.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 and Figure 10; the form without cancellation is derived here.

    >>> round(float(separable_12(3 * np.pi / 16, 3 * np.pi / 8)), 6)
    0.378428
    """
    return _both(phi, T)[..., 0]


def separable_21(phi: ArrayLike, T: ArrayLike) -> Floats:
    """L_21 of one teacher direction for two students in a plane: L_12 seen in the mirror.

        L_21(phi, T) = L_12(T - phi, T)

    Args:
        phi: angle of the teacher, radian, any; student 1 is at 0.
        T: angle between the students, in (0, pi), radian; student 2 is at T. Broadcasts with phi.

    Returns:
        L_21 with an error below 2e-14 T.

    Raises:
        ValueError: as `separable_12`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 and Figure 10.

    >>> bool(separable_21(0.3, 1.0) > 0), bool(separable_21(2.0, 1.0) < 0)
    (True, True)
    """
    return _both(phi, T)[..., 1]


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
    phi, T = _angles(phi, T)
    return (phi > 0) & (phi < T)


def precise(phi: float, T: float, digits: int = 50) -> tuple[float, float]:
    """L_12 and L_21 from their definition, in high precision: the judge of what float64 says.

        L_12 = (pi - t1) cos t2 + sin t1 cos T - [h(t1), h(t2)] [[pi, h(T)], [h(T), pi]]^-1 m_12,
        m_12 = (pi cos T, (pi - T) + sin T cos T)

    Args:
        phi: angle of the teacher, radian.
        T: angle between the students, in (0, pi), radian.
        digits: decimal digits to compute with, 20 or more.

    Returns:
        (L_12, L_21), rounded to float64.

    Raises:
        ValueError: as `separable_12`, or too few digits.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 14 with K = 2. Needs mpmath, which torch brings along.

    >>> precise(0.5, 1.0)[0] > 0
    True
    """
    import mpmath as mp

    _angles(phi, T)
    if digits < 20:
        raise ValueError(f"Got digits={digits}; need 20 or more, since float64 has 16. Take 50.")
    with mp.workdps(digits):
        full, T_ = 2 * mp.pi, mp.mpf(float(T))
        one, two = (mp.mpf(float(phi)) % full, (mp.mpf(float(phi)) - T_) % full)
        t1, t2 = min(one, full - one), min(two, full - two)

        def h(t: mp.mpf) -> mp.mpf:
            return (mp.pi - t) * mp.cos(t) + mp.sin(t)

        m1, m2 = mp.pi * mp.cos(T_), (mp.pi - T_) + mp.sin(T_) * mp.cos(T_)
        D = mp.pi**2 - h(T_) ** 2
        a1, a2 = (mp.pi * m1 - h(T_) * m2) / D, (mp.pi * m2 - h(T_) * m1) / D

        def value(t1: mp.mpf, t2: mp.mpf) -> mp.mpf:
            return (mp.pi - t1) * mp.cos(t2) + mp.sin(t1) * mp.cos(T_) - h(t1) * a1 - h(t2) * a2

        return float(value(t1, t2)), float(value(t2, t1))


@dataclass(frozen=True)
class ConjectureCheck:
    """The conjecture on a grid.

    Args:
        points: number of (T, phi), each with L_12 and L_21.
        suspects: (phi, T) where float64 has a wrong sign or a zero, at most 1000 of them.
        suspect_count: how many there are.
        counterexamples: the suspects that are still wrong in high precision.
        smallest: the smallest |L_12| or |L_21| on the grid; compare with an error of 2e-14 T.
        smallest_at: its (phi, T).
    """

    points: int
    suspects: tuple[tuple[float, float], ...]
    suspect_count: int
    counterexamples: tuple[tuple[float, float], ...]
    smallest: float
    smallest_at: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether every point has the conjectured sign, and every suspect was looked at again."""
        return not self.counterexamples and self.suspect_count == len(self.suspects)


def check_conjecture(
    angles: int = 10_000, directions: int = 10_000, T_range: tuple[float, float] = (0.0, np.pi)
) -> ConjectureCheck:
    """Test Conjecture 1 on every midpoint of a grid over (0, pi) x (0, 2 pi), and again in 50 digits where it fails.

        sign L_12 = sign L_21 = +1 for 0 < phi < T, -1 for T < phi < 2 pi   (0 on the boundary, which is left out)

    Args:
        angles: values of T, 1 or more. The source's grid is 10^4 x 10^4.
        directions: values of phi, 1 or more.
        T_range: part of (0, pi) to cover, for a closer look.

    Returns:
        ConjectureCheck. A grid is no proof.

    Raises:
        ValueError: an empty grid or a range outside [0, pi].

    Source:
        Tian 2017, arXiv 1703.00560, Conjecture 1, Section 7.2 and Figure 10(c).

    >>> check_conjecture(50, 100).holds
    True
    """
    low, high = T_range
    if angles < 1 or directions < 1 or not 0 <= low < high <= np.pi:
        raise ValueError(
            f"Got {angles} x {directions} points, T in {T_range}; need one point at least and 0 <= low < high <= pi."
        )
    rows = _scan(angles, directions, float(low), float(high))
    step, width = (high - low) / angles, 2 * np.pi / directions
    suspects: list[tuple[float, float]] = []
    for i in np.flatnonzero(rows[:, 0]):
        T = low + (i + 0.5) * step
        phi = (np.arange(directions) + 0.5) * width
        wrong = (np.where(in_cone(phi, T), 1.0, -1.0)[:, None] * _both(phi, T) <= 0).any(axis=1)
        wrong &= np.abs(phi - T) >= 1e-13
        suspects += [(float(p), float(T)) for p in phi[wrong]]
    kept = tuple(suspects[:1000])
    bad = tuple(s for s in kept if not _sign_is_right(*s))
    best = int(np.argmin(rows[:, 1]))
    at = (float((rows[best, 2] + 0.5) * width), float(low + (best + 0.5) * step))
    return ConjectureCheck(angles * directions, kept, int(rows[:, 0].sum()), bad, float(rows[best, 1]), at)


def excluded_by_cones(W: ArrayLike, V: ArrayLike) -> bool:
    """Whether two students in the plane of two teachers are ruled out as a critical point, given Conjecture 1.

        both teachers strictly inside Cone(w_1, w_2), or both strictly outside

    Args:
        W: (2, d), students, not parallel.
        V: (2, d), teachers in the students' plane.

    Returns:
        True if the point is not critical. False with a teacher on the cone's boundary or exactly one inside: no statement.

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
    if checked.W.shape != checked.V.shape or len(checked.W) != 2 or checked.W.ndim != 2:
        raise ValueError(f"Got W {checked.W.shape} and V {checked.V.shape}; need two rows each, (2, d). See separable.")
    E, U = unit(checked.W), unit(checked.V)
    if np.linalg.matrix_rank(E, tol=1e-8) < 2:
        raise ValueError("Got parallel students; need two directions. See collinear_points.")
    parts = np.linalg.lstsq(E.T, U.T, rcond=None)[0].T
    if np.abs(parts @ E - U).max() > 1e-8:
        raise ValueError("Got a teacher out of the students' plane; need all four vectors in one plane. Project first.")
    if np.any(np.any(np.abs(parts) < 1e-12, axis=1) & np.all(parts > -1e-12, axis=1)):
        return False
    inside = np.all(parts > 0, axis=1)
    return bool(inside.all() or not inside.any())


@dataclass(frozen=True)
class CollinearPoint:
    """A direction along which equal-headed students are at rest, however they share the length.

    Args:
        direction: (d,), of length 1.
        total_length: sum of the students' lengths.
        loss: the population loss there.
        strongest: whether the direction is a local maximum of sum_k |v_k| h(t_k), the pull on all students together;
            else it is a local minimum of it.
    """

    direction: Floats
    total_length: float
    loss: float
    strongest: bool

    def weights(self, share: float = 0.5) -> Floats:
        """Two students with this share of the length and the rest, (2, d); 0 < share < 1."""
        if not 0 < share < 1:
            raise ValueError(f"Got share={share}; need 0 < share < 1: a student of length 0 has no gradient. Try 0.5.")
        return self.total_length * np.array([[share], [1 - share]]) * self.direction


def collinear_points(V: ArrayLike) -> tuple[CollinearPoint, ...]:
    """The critical points at which all students point the same way, for teachers in one plane.

        u with sum_k (pi - t_k) v_k parallel to u,   total length = sum_k |v_k| h(t_k)/pi,   t_k = angle(u, v_k)

    These are the critical directions of sum_k |v_k| h(t_k). For two teachers of equal length one is the bisector, as
    the source says; for unequal lengths it is not, and the source's point is not critical.

    Args:
        V: (m, d), teachers that span a plane, d >= 2.

    Returns:
        CollinearPoints, by rising loss. Any number of students may share the length.

    Raises:
        ValueError: teachers that span less or more than a plane; as `teacher_student.loss` otherwise.

    Source:
        Tian 2017, arXiv 1703.00560, Section 5.3, "Saddle points"; the general condition is derived here.

    >>> point = collinear_points([[1.0, 0.0], [0.0, 1.0]])[0]
    >>> point.direction.round(6).tolist(), round(point.total_length, 6)
    ([0.707107, 0.707107], 1.510818)
    """
    V = networks(V, V).V
    _, sizes, basis = np.linalg.svd(V, full_matrices=False)
    if len(sizes) < 2 or sizes[1] < 1e-12 * sizes[0] or (len(sizes) > 2 and sizes[2] > 1e-9 * sizes[0]):
        raise ValueError(
            f"Got teachers of shape {V.shape} that do not span a plane; need rank 2. See single_relu for 1."
        )
    flat = V @ basis[:2].T
    at, lengths = np.arctan2(flat[:, 1], flat[:, 0]), norm(flat)

    def across(a: float) -> float:
        turn = (at - a + np.pi) % (2 * np.pi) - np.pi
        return float(np.sum((np.pi - np.abs(turn)) * lengths * np.sin(turn)))

    grid = np.linspace(0, 2 * np.pi, 721) + 0.123456789
    values = [across(a) for a in grid]
    points = []
    for a, b, left, right in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
        if left == 0 or left * right < 0:
            root = float(a) if left == 0 else float(brentq(across, a, b, xtol=1e-15, rtol=1e-15))
            turn = np.abs((at - root + np.pi) % (2 * np.pi) - np.pi)
            total = float(np.sum(lengths * ((np.pi - turn) * np.cos(turn) + np.sin(turn))) / np.pi)
            u = np.cos(root) * basis[0] + np.sin(root) * basis[1]
            points.append(CollinearPoint(u, total, float(loss((total * u)[None], V)), left > right))
    return tuple(sorted(points, key=lambda p: p.loss))


def bisector_point(V: ArrayLike, share: float = 0.5) -> Floats:
    """The saddle as the source states it: two students along the bisector of two teachers.

        u = bisector,   pi (|w_1| + |w_2|) = h(t/2) (|v_1| + |v_2|),   t = angle(v_1, v_2)

    It is critical only when |v_1| = |v_2|; see `collinear_points` for the general case.

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
    V = networks(V, V).V
    units = unit(V)
    middle = units.sum(axis=0)
    if len(V) != 2 or norm(middle) < 1e-12:
        raise ValueError(f"Got teachers {V.shape}; need two that are not opposite, so that there is one bisector.")
    half = float(np.arctan2(norm(units[0] - units[1]), norm(middle)))
    total = ((np.pi - half) * np.cos(half) + np.sin(half)) * norm(V).sum() / np.pi
    return CollinearPoint(unit(middle), float(total), math.nan, True).weights(share)


def _angles(phi: ArrayLike, T: ArrayLike) -> tuple[Floats, Floats]:
    phi, T = np.asarray(phi, float), np.asarray(T, float)
    if not (np.all(np.isfinite(phi)) and np.all((T > 0) & (np.pi > T))):
        raise ValueError("Got angles out of range; need finite phi and 0 < T < pi, in radian. Parallel students: see "
                         "collinear_points.")  # fmt: skip
    return np.mod(phi, 2 * np.pi), T


def _both(phi: ArrayLike, T: ArrayLike) -> Floats:
    """(..., 2): L_12 and L_21."""
    phi, T = np.broadcast_arrays(*_angles(phi, T))
    flat = np.empty((phi.size, 2))
    _fill(np.ascontiguousarray(phi, float).ravel(), np.ascontiguousarray(T, float).ravel(), flat)
    return flat.reshape(*phi.shape, 2)


def _sign_is_right(phi: float, T: float) -> bool:
    return all((value > 0) == bool(in_cone(phi, T)) and value != 0 for value in precise(phi, T))


@njit(cache=True)
def _factors(T):  # type: ignore[no-untyped-def]
    """a and e of this module's head."""
    s, c = math.sin(T), math.cos(T)
    if T < 0.5:
        z = T * T
        lag = T * z * (1 / 3 - z * (1 / 30 - z * (1 / 840 - z * (1 / 45360 - z * (1 / 3991680 - z / 518918400)))))
    else:
        lag = s - T * c
    H = 2 * math.pi * math.sin(T / 2) ** 2 - lag
    D = H * (2 * math.pi - H)
    a = (math.pi * (s**3 - 2 * lag) + lag * (T * s * s - c * lag)) / D
    return a, (math.pi * T * s * s - 2 * math.pi * c * lag - lag * lag) / D


@njit(cache=True)
def _pair(phi, T, a, e):  # type: ignore[no-untyped-def]
    """L_12 and L_21 for phi in [0, 2 pi)."""
    s, c = math.sin(T), math.cos(T)
    d = phi - T
    s1, c1, s2, c2 = math.sin(phi), math.cos(phi), math.sin(d), math.cos(d)
    t1 = phi if phi <= math.pi else 2 * math.pi - phi
    t2 = abs(d) if abs(d) <= math.pi else 2 * math.pi - abs(d)
    if d <= 0:  # inside the cone
        b12, b21, t21 = 2 * s1 * c - s * c1, -2 * s2 * c - s * c2, T - 2 * phi
    elif phi <= math.pi:
        b12, b21, t21 = s * c1, -s * c2, -T
    elif d <= math.pi:  # opposite to the cone
        b12, b21, t21 = -2 * s1 * c + s * c1, 2 * s2 * c + s * c2, 2 * (phi - math.pi) - T
    else:
        b12, b21, t21 = -s * c1, s * c2, T
    h1, h2 = (math.pi - t1) * c1 + abs(s1), (math.pi - t2) * c2 + abs(s2)
    return t21 * c2 + b12 - a * h1 + e * h2, -t21 * c1 + b21 - a * h2 + e * h1


@njit(cache=True)
def _fill(phi, T, out):  # type: ignore[no-untyped-def]
    for i in range(len(phi)):
        a, e = _factors(T[i])
        out[i, 0], out[i, 1] = _pair(phi[i], T[i], a, e)


@njit(cache=True, parallel=True)
def _scan(angles, directions, low, high):  # type: ignore[no-untyped-def]
    """Per T: points with a wrong sign, the smallest |L|, and the index of its phi."""
    rows = np.zeros((angles, 3))
    for i in prange(angles):
        T = low + (i + 0.5) * ((high - low) / angles)
        a, e = _factors(T)
        smallest, where, wrong = np.inf, 0, 0
        for j in range(directions):
            phi = (j + 0.5) * (2 * math.pi / directions)
            if abs(phi - T) < 1e-13:
                continue
            L12, L21 = _pair(phi, T, a, e)
            sign = 1.0 if phi < T else -1.0
            if sign * L12 <= 0 or sign * L21 <= 0:
                wrong += 1
            size = min(abs(L12), abs(L21))
            if size < smallest:
                smallest, where = size, j
        rows[i, 0], rows[i, 1], rows[i, 2] = wrong, smallest, where
    return rows
