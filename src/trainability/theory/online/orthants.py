"""How likely 2, 3 or 4 centred Gaussians are to be positive together."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from trainability.theory.online._check import Array, covariances
from trainability.theory.online._geometry import angle, dot, merge, unit_vectors

LEVELS = 7
"""Halvings of the quadrature's step; the last has 897 nodes, and is reached only next to several degeneracies at once."""


def p2(c: ArrayLike) -> Array:
    """The probability that two centred Gaussians are both positive.

        P2 = (pi - t)/(2 pi) = 1/4 + asin(r)/(2 pi),   t the angle, r = cos t the correlation

    Args:
        c: covariances `(..., 2, 2)`, variances above 0, singular allowed.

    Returns:
        `(...)`, in [0, 1/2].

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Sheppard 1899; used throughout Saad and Solla 1995.

    >>> float(p2([[1.0, 0.5], [0.5, 1.0]]))
    0.3333333333333333
    """
    return _each(covariances(c, 2), 2)


def p3(c: ArrayLike) -> Array:
    """The probability that three centred Gaussians are all positive.

        P3 = (2 pi - t12 - t13 - t23)/(4 pi) = 1/8 + (asin r12 + asin r13 + asin r23)/(4 pi)

    Args:
        c: covariances `(..., 3, 3)`, variances above 0, singular allowed.

    Returns:
        `(...)`, in [0, 1/2].

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Area of a spherical triangle (Girard); Plackett 1954, Biometrika 41, 351.

    >>> import numpy as np
    >>> float(p3(np.eye(3)))
    0.125
    """
    return _each(covariances(c, 3), 3)


def p4(c: ArrayLike) -> Array:
    """The probability that four centred Gaussians are all positive, to 1e-10.

        P4 = P2(12) P2(34) + int_0^1 sum_(i in 12, j in 34) r_ij / (2 pi sqrt(1 - t² r_ij²)) P2(others | x_i = x_j = 0) dt

    along the path that scales the correlations between the pairs (1, 2) and (3, 4) by t; there is no closed form. The
    most correlated two variables are paired, and a double-exponential rule is halved until it has converged, so that
    matrices at and next to singular cost more nodes and no digits. Variables that coincide are merged first.

    Args:
        c: covariances `(..., 4, 4)`, variances above 0, singular allowed.

    Returns:
        `(...)`, in [0, 1/2].

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Plackett 1954, Biometrika 41, 351: dP/dr_ij is the density of (x_i, x_j) at 0 times the others' conditional
        orthant probability; the path and the quadrature are ours.

    >>> import numpy as np
    >>> float(p4(np.eye(4)))
    0.0625
    >>> round(float(p4(np.full((4, 4), 0.5) + np.eye(4) / 2)), 12)  # equicorrelated at 1/2: 1/5
    0.2
    """
    return _each(covariances(c, 4), 4)


def _each(c: Array, n: int) -> Array:
    out = np.empty(c.shape[:-2])
    _batch(c.reshape(-1, n, n), out.reshape(-1))
    return out


@njit(cache=True)
def _batch(c: np.ndarray, out: np.ndarray) -> None:
    for s in range(c.shape[0]):
        v = unit_vectors(c[s])
        n, _, _ = merge(v, c.shape[1], 0, 0)
        out[s] = 0.0 if n < 0 else probability(v, n)


@njit(cache=True)
def probability(v: np.ndarray, n: int) -> float:
    """P(v_1.x > 0, ..., v_n.x > 0) for x ~ N(0, I) and the first n <= 4 unit rows of v, no two of them equal."""
    if n == 0:
        return 1.0
    if n == 1:
        return 0.5
    if n == 2:
        return (math.pi - angle(v[0], v[1])) / (2 * math.pi)
    if n == 3:
        total = angle(v[0], v[1]) + angle(v[0], v[2]) + angle(v[1], v[2])
        return max(0.0, 2 * math.pi - total) / (4 * math.pi)
    return _four(v)


def _nodes() -> tuple[Array, Array, Array, Array]:
    """(t, 1 - t, weight) of the double-exponential rule on [0, 1], and where each level ends.

    t = 1/(1 + exp(-pi sinh x)) at x = h k, |x| <= 3.5; a level holds the nodes that halving h adds, weights without h.
    """
    levels = [np.arange(-7, 8) * 0.5]
    for level in range(1, LEVELS):
        reach = 7 * 2**level
        levels.append(np.arange(1 - reach, reach, 2) * 0.5 / 2**level)
    x = np.concatenate(levels)
    s = np.pi * np.sinh(x)
    t, rest = 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s))
    return t, rest, np.pi * np.cosh(x) * t * rest, np.cumsum([len(x) for x in levels])


_T, _REST, _WEIGHT, _ENDS = _nodes()


@njit(cache=True)
def _four(v: np.ndarray) -> float:
    # Pair the two most correlated: what nearly coincides then stays together along the whole path.
    best, partner = -1.0, 1
    for j in range(1, 4):
        k, m = (2, 3) if j == 1 else ((1, 3) if j == 2 else (1, 2))
        most = max(abs(dot(v[0], v[j])), abs(dot(v[k], v[m])))
        if most > best:
            best, partner = most, j
    k, m = (2, 3) if partner == 1 else ((1, 3) if partner == 2 else (1, 2))
    r = v.shape[1]
    x = np.empty((4, r))
    x[0], x[1], x[2], x[3] = v[0], v[partner], v[k], v[m]

    # Given x_i = 0 its partner is its difference from x_i, which keeps every digit when the two nearly coincide.
    side, other = (1.0 if dot(x[0], x[1]) >= 0 else -1.0), (1.0 if dot(x[2], x[3]) >= 0 else -1.0)
    d = np.empty(r)
    e = np.empty(r)
    for n in range(r):
        d[n] = x[1, n] - side * x[0, n]
        e[n] = x[3, n] - other * x[2, n]
    dd, ee, de = dot(d, d), dot(e, e), dot(d, e)
    on_d = np.empty(4)
    on_e = np.empty(4)
    cross = np.empty((2, 2))
    gap = np.empty((2, 2))  # 1 - |r|
    for i in range(4):
        on_d[i], on_e[i] = dot(d, x[i]), dot(e, x[i])
    size = 0.0
    for i in range(2):
        for j in range(2):
            cross[i, j] = dot(x[i], x[2 + j])
            sign = 1.0 if cross[i, j] >= 0 else -1.0
            total = 0.0
            for n in range(r):
                total += (x[i, n] - sign * x[2 + j, n]) ** 2
            gap[i, j] = total / 2
            size += abs(cross[i, j])
    start = (math.pi - angle(x[0], x[1])) * (math.pi - angle(x[2], x[3])) / (4 * math.pi**2)
    if size < 1e-15:
        return start

    total = 0.0
    begin = 0
    before = 0.0
    older = 0.0
    value = 0.0
    for level in range(_ENDS.shape[0]):
        for node in range(begin, _ENDS[level]):
            t, rest = _T[node], _REST[node]
            here = 0.0
            for i in range(2):
                for j in range(2):
                    rij = cross[i, j]
                    if rij == 0.0:
                        continue
                    c = t * rij
                    det = (gap[i, j] + abs(rij) * rest) * (1 + abs(c))
                    if det <= 0.0:
                        continue
                    one = 1.0 if i == 0 else -side
                    two = 1.0 if j == 0 else -other
                    p, q = one * on_d[i], one * t * on_d[2 + j]
                    p2_, q2 = two * on_e[2 + j], two * t * on_e[i]
                    skk = dd - (p * p + q * q - 2 * c * p * q) / det
                    sll = ee - (p2_ * p2_ + q2 * q2 - 2 * c * p2_ * q2) / det
                    skl = one * two * t * de - (p * q2 + q * p2_ - c * (p * p2_ + q * q2)) / det
                    cosine = math.atan2(math.sqrt(max(0.0, skk * sll - skl * skl)), skl)
                    here += rij / math.sqrt(det) * (math.pi - cosine)
            total += _WEIGHT[node] * here
        begin = _ENDS[level]
        value = total * 0.5 / 2**level / (4 * math.pi**2)
        if level >= 2:
            new, old = abs(value - before), abs(value - older)
            if new < 1e-13:
                break
            # Each halving of a double-exponential rule about doubles the digits.
            if new < 1e-5 and old < 1.0:
                digits, earlier = math.log(new), math.log(max(old, new))
                if max(digits * digits / earlier, 2 * digits) < math.log(1e-13):
                    break
        older, before = before, value
    return min(0.5, max(0.0, start + value))
