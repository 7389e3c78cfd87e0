"""Critical points at which all students point the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from trainability.theory.critical_region._check import Floats
from trainability.theory.teacher_student.angle import norm
from trainability.theory.teacher_student.checks import finite, networks
from trainability.theory.teacher_student.loss import loss


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

    def weights(self, share: ArrayLike = 0.5) -> Floats:
        """The students, (K, d).

        Args:
            share: of student 1 in the length of two, in (0, 1); or the shares of K students, positive with sum 1.

        Raises:
            ValueError: a share that is not positive, or a sum that is not 1.
        """
        shares = finite("share", share)
        shares = np.array([shares, 1 - shares]) if shares.ndim == 0 else shares
        if shares.ndim != 1 or not (len(shares) and (shares > 0).all() and abs(shares.sum() - 1) < 1e-9):
            raise ValueError(
                f"Got share={shares.tolist()}; need 0 < share < 1, or positive shares with sum 1: a student of length 0 has no "
                "gradient. Try 0.5."
            )
        return self.total_length * shares[:, None] * self.direction


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
    at, lengths, points = np.arctan2(flat[:, 1], flat[:, 0]), norm(flat), []
    for root, strongest in _roots(at, lengths):
        u = np.cos(root) * basis[0] + np.sin(root) * basis[1]
        turn = np.abs(_turn(at, np.asarray(root)))
        total = float(np.sum(lengths * ((np.pi - turn) * np.cos(turn) + np.sin(turn))) / np.pi)
        points.append(CollinearPoint(u, total, float(loss((total * u)[None], V)), strongest))
    return tuple(sorted(points, key=lambda p: p.loss))


def _turn(at: Floats, a: Floats) -> Floats:
    """From angles a to angles `at`, (..., m), in [-pi, pi)."""
    return np.asarray((at - a[..., None] + np.pi) % (2 * np.pi) - np.pi)


def _roots(at: Floats, lengths: Floats) -> list[tuple[float, bool]]:
    """Angles at which the slope of the pull changes sign, and whether from plus to minus."""

    def slope(a: ArrayLike) -> Floats:
        turn = _turn(at, np.asarray(a))
        return np.asarray(((np.pi - np.abs(turn)) * np.sin(turn)) @ lengths)

    def bend(a: ArrayLike) -> Floats:
        turn = _turn(at, np.asarray(a))
        return np.asarray((np.abs(np.sin(turn)) - (np.pi - np.abs(turn)) * np.cos(turn)) @ lengths)

    # The slope's own extrema part two roots that lie between neighbours of the grid.
    grid = np.linspace(0, 2 * np.pi, 721) + 0.123456789
    change = np.flatnonzero(bend(grid[:-1]) * bend(grid[1:]) < 0)
    grid = np.sort(np.concatenate([grid, [brentq(bend, grid[i], grid[i + 1]) for i in change]]))
    values = slope(grid)
    found = []
    for i in np.flatnonzero((values[:-1] == 0) | (values[:-1] * values[1:] < 0)):
        root = grid[i] if values[i] == 0 else brentq(slope, grid[i], grid[i + 1], xtol=1e-15, rtol=1e-15)
        found.append((float(root), bool(values[i] > values[i + 1])))
    return found
