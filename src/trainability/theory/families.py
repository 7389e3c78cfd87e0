"""The families of symmetric critical points for k students and k orthonormal teachers: exact entries for any size k."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import asin, atan2, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from trainability.theory.teacher_student.checks import whole

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Flipped:
    """A critical point at which j of k students point away from their teachers.

    Rows and columns are ordered bulk first. An entry that the size does not have (j = 1 has no other flipped column) is 0.

    Args:
        k: number of students and of orthonormal teachers.
        j: flipped students.
        bulk_diagonal: w_i . v_i of a student that is not flipped.
        bulk_bulk: w_i . v_l, both in the bulk.
        bulk_flipped: w_i . v_l, bulk student, flipped student's teacher.
        flipped_bulk: w_i . v_l, flipped student, bulk student's teacher.
        flipped_diagonal: w_i . v_i of a flipped student; below 0.
        flipped_flipped: w_i . v_l, both flipped.
        loss: population loss there.
        residual: largest derivative of the loss in one of the entries, per entry that is equal to it: how well the
            point solves the equations.
    """

    k: int
    j: int
    bulk_diagonal: float
    bulk_bulk: float
    bulk_flipped: float
    flipped_bulk: float
    flipped_diagonal: float
    flipped_flipped: float
    loss: float
    residual: float

    def matrix(self) -> Array:
        """The students as rows (k, k), for the teachers V = I; in memory proportional to k squared."""
        n = self.k - self.j
        W = np.empty((self.k, self.k))
        W[:n, :n], W[:n, n:] = self.bulk_bulk, self.bulk_flipped
        W[n:, :n], W[n:, n:] = self.flipped_bulk, self.flipped_flipped
        own = np.arange(self.k)
        W[own, own] = np.where(own < n, self.bulk_diagonal, self.flipped_diagonal)
        return W


class _Dual:
    """A number and its derivative in the six entries."""

    def __init__(self, x: float, dx: Array) -> None:
        self.x, self.dx = x, dx

    def __add__(self, other: _Dual | float) -> _Dual:
        if isinstance(other, _Dual):
            return _Dual(self.x + other.x, self.dx + other.dx)
        return _Dual(self.x + other, self.dx)

    def __neg__(self) -> _Dual:
        return _Dual(-self.x, -self.dx)

    def __sub__(self, other: _Dual | float) -> _Dual:
        return self + -other

    def __mul__(self, other: _Dual | float) -> _Dual:
        if isinstance(other, _Dual):
            return _Dual(self.x * other.x, self.dx * other.x + self.x * other.dx)
        return _Dual(self.x * other, self.dx * other)

    __radd__, __rmul__ = __add__, __mul__

    def map(self, f: float, slope: float) -> _Dual:
        """f(self), given the value and the derivative of f here."""
        return _Dual(f, slope * self.dx)

    def root(self) -> _Dual:
        r = sqrt(self.x)
        return self.map(r, 0.5 / r if r else 0.0)

    def over(self, other: _Dual) -> _Dual:
        return _Dual(self.x / other.x, (self.dx - self.x / other.x * other.dx) / other.x)


def _excess(c: _Dual) -> _Dual:
    """c asin c + sqrt(1 - c²) - 1: what the kernel has beyond its constant and linear part; c²/2 + c⁴/24 + ..."""
    x = min(1.0, max(-1.0, c.x))
    if abs(x) < 1e-2:
        y = x * x
        value = y * (1 / 2 + y * (1 / 24 + y * (1 / 80 + y * (5 / 896 + y * 7 / 2304))))
    else:
        value = x * asin(x) + sqrt(1.0 - x * x) - 1.0
    return c.map(value, asin(x))


def _own(size: _Dual, tail: _Dual, gap: _Dual) -> _Dual:
    """A student's kernel terms with itself and its teacher, less their linear part, without cancellation.

    With |w| = l, e = |w . v| = 1 + gap and tail² = l² - e², tan t = tail/e:
    (pi/2 - 1)(l - 1)² + pi (l - e) + 2 (e t - tail)
    """
    edge = gap + 1.0
    shorter = (tail * tail).over(size + edge)  # l - e
    beyond = gap + shorter  # l - 1
    length2 = size.x * size.x
    t = _Dual(atan2(tail.x, edge.x), (edge.x * tail.dx - tail.x * edge.dx) / length2)
    return (pi / 2 - 1) * (beyond * beyond) + pi * shorter + 2.0 * (edge * t - tail)


def _loss(entries: Array, k: float, j: float) -> _Dual:
    """The population loss in (bulk diagonal - 1, bulk off, bulk to flipped, flipped to bulk, -diagonal - 1, flipped off).

    From h(t) = 1 + (pi/2) cos t + excess(cos t):
    4 pi L = (sum |w| - k)² + (pi/2) |sum w - sum v|² + sum of all pairs' |.||.| excess, with signs; the squares and
    `_own` keep the digits that the plain sum of k² terms loses.
    """
    n = k - j
    one = np.eye(6)
    gap, q, r, t, flip, u = (_Dual(float(x), one[i]) for i, x in enumerate(entries))
    nothing = _Dual(0.0, np.zeros(6))
    square, spread_length, mean = nothing, nothing, nothing
    p, s = gap + 1.0, -(flip + 1.0)
    if n > 0:
        tail2 = (n - 1) * (q * q) + j * (r * r)
        bulk_tail = tail2.root()
        bulk = (p * p + tail2).root()
        spread_length += n * (gap + tail2.over(bulk + p))
        column = gap + (n - 1) * q + j * t
        mean += n * (column * column)
        square += n * _own(bulk, bulk_tail, gap)
        if n > 1:
            inner = 2.0 * (p * q) + (n - 2) * (q * q) + j * (r * r)
            square += (
                n * (n - 1) * (bulk * bulk * _excess(inner.over(bulk * bulk)) - 2.0 * (bulk * _excess(q.over(bulk))))
            )
    if j > 0:
        tail2 = (j - 1) * (u * u) + n * (t * t)
        turned = flip + 1.0
        length = (s * s + tail2).root()
        spread_length += j * (flip + tail2.over(length + turned))
        column = s - 1.0 + (j - 1) * u + n * r
        mean += j * (column * column)
        square += j * _own(length, tail2.root(), flip)
        if j > 1:
            inner = 2.0 * (s * u) + (j - 2) * (u * u) + n * (t * t)
            pair = length * length * _excess(inner.over(length * length)) - 2.0 * (length * _excess(u.over(length)))
            square += j * (j - 1) * pair
        if n > 0:
            inner = p * t + (n - 1) * (q * t) + r * s + (j - 1) * (r * u)
            both = bulk * length
            pair = both * _excess(inner.over(both)) - bulk * _excess(r.over(bulk)) - length * _excess(t.over(length))
            square += 2 * n * j * pair
    return (spread_length * spread_length + (pi / 2) * mean + square) * (1 / (4 * pi))


def _counts(k: float, j: float) -> Array:
    """How many entries of W are equal to each of the six."""
    n = k - j
    return np.array([n, n * (n - 1), n * j, n * j, j, j * (j - 1)], dtype=float)


def _solve(entries: Array, k: float, j: float) -> tuple[Array, float]:
    """Newton's method on the equations of the six entries: (entries, residual per entry)."""
    live = np.flatnonzero(_counts(k, j) > 0)
    counts = _counts(k, j)[live]
    scale = np.sqrt(counts)  # the geometry of W: one entry stands for this many

    def slope(x: Array) -> Array:
        full = np.zeros(6)
        full[live] = x / scale
        return np.asarray(_loss(full, k, j).dx[live]) / scale

    x = entries[live] * scale
    g = slope(x)
    for _ in range(60):
        h = 1e-6
        jacobian = np.stack([(slope(x + h * e) - slope(x - h * e)) / (2 * h) for e in np.eye(len(live))], axis=1)
        step = np.linalg.solve(jacobian, g)
        step *= min(1.0, 0.3 / max(float(np.linalg.norm(step)), 1e-300))
        share, better = 1.0, False
        for _ in range(12):
            there = slope(x - share * step)
            if np.linalg.norm(there) < np.linalg.norm(g):
                x, g, better = x - share * step, there, True
                break
            share /= 2
        if not better:
            break
    out = np.zeros(6)
    out[live] = x / scale
    return out, float(np.abs(g / scale).max())


def _guess(k: int, j: int) -> Array:
    n = k - j
    if n == 0:
        return np.array([0.0, 0.0, 0.0, 0.0, -2.0 / k, 2.0 / k])
    if j == 1:
        return np.array([0.3 / k, -1.2 / k**2, 2.0 / k, 1.27 / k, -3.5 / (k + 2), 0.0])
    if n == 1:
        return np.array([0.0, 0.0, 0.3 / k, 0.8 / k, -2.0 / k, 2.0 / k])
    share = j / k
    return np.array([0.0, -2.0 * share / k, 2.0 / k, 1.3 / k, -min(0.5, 2.7 / k), 1.5 / k])


def flipped(k: int, j: int) -> Flipped:
    """The critical point at which j of k students are flipped, in a time that does not depend on k.

        isotropy Delta(S_j x S_{k-j}): six entries, found by Newton's method on their exact equations

    j = 1 is type II (the spurious minima of Safran and Shamir), j = k - 1 type I, j = k type A. Whether it is a minimum
    depends on k: type II and type A are from k = 6 on, type I from k = 7 on (`critical_points.classify` tells for every
    size whose Hessian fits). The relative error of the loss is about 1e-16 k for fixed j.

    Args:
        k: students and orthonormal teachers, 5 or more (type A: 3 or more).
        j: flipped students, 1 to k.

    Returns:
        Flipped.

    Raises:
        ValueError: for a k or j out of range, or where Newton's method does not find the point.

    Source:
        Arjevani and Field 2020, arXiv 2003.10576, name types A, I and II and their isotropy; the points for
        1 < j < k - 1 and the numbers were measured here.

    >>> point = flipped(10, 1)
    >>> round(point.loss, 10), round(point.bulk_diagonal, 6), round(point.flipped_diagonal, 6)
    (0.0187021946, 1.004355, -0.699037)
    >>> round(flipped(1_000_000, 1).loss * 1e6, 6)
    0.297247
    """
    k, j = whole("k", k, 1, "Count the students."), whole("j", j, 1, "Count the flipped students.")
    if k < 3 or not 1 <= j <= k or (k < 5 and j < k):
        raise ValueError(f"Got k={k}, j={j}; need k >= 5 and 1 <= j <= k (k >= 3 where j = k). Choose such a pair.")
    start = _guess(k, j)
    entries, residual = _solve(start, k, j)
    if not _right(entries, residual, k, j):
        entries, residual = _from_larger(k, j)
    if not _right(entries, residual, k, j):
        raise ValueError(
            f"Got k={k}, j={j}, where Newton's method ended at {entries.tolist()} with residual {residual:.1e}; need a "
            "size at which the family has such a point. Try a larger k."
        )
    gap, q, r, t, flip, u = (float(x) for x in entries)
    value = _loss(entries, k, j).x
    return Flipped(k, j, 1.0 + gap if k > j else 0.0, q, r, t, -1.0 - flip, u, value, residual)


def _right(entries: Array, residual: float, k: float, j: float) -> bool:
    """Whether this is the family's point: solved, bulk near 1, flipped entry below 0, loss below that of no student."""
    close = residual < 1e-10 and abs(entries[0]) < 0.5 and -0.9 < entries[4] < 0.3
    return close and 1e-3 / k < _loss(entries, k, j).x < 0.25 * max(1.0, j / 8)


def _from_larger(k: int, j: int) -> tuple[Array, float]:
    """Follow the family from a larger k (as a real number) down to this one."""
    start, n = 4.0 * k, k - j
    other = start - n if n < j else float(j)
    entries, residual = _solve(_guess(int(start), int(other)), start, other)
    for size in np.geomspace(start, k, 25)[1:]:
        entries, residual = _solve(entries, float(size), float(size - n) if n < j else float(j))
    return entries, residual


def follow(sizes: Iterable[int], member: Callable[[int], int] | int = 1) -> list[Flipped]:
    """One family at several sizes k.

    Args:
        sizes: values of k.
        member: j, or a function that gives j for k, such as `lambda k: k` for type A.

    Returns:
        Flipped, one per size.

    Raises:
        ValueError: as `flipped`.

    Source:
        As `flipped`; the loss times k of type II tends to 1/2 - 2/pi² = 0.297358, measured here with 60 digits.

    >>> [round(p.loss * p.k, 4) for p in follow([10, 100, 10_000])]
    [0.187, 0.2742, 0.2961]
    """
    if not isinstance(sizes, Iterable):
        raise ValueError(f"Got sizes={sizes!r}; need several values of k. Give a list, or call `flipped` for one.")
    return [flipped(k, member(k) if callable(member) else member) for k in sizes]
