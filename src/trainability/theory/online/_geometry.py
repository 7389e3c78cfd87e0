"""Unit vectors behind a covariance, and the three moves every integral here is made of.

A Gram matrix fixes an angle t only to machine epsilon / t, and quantities of the perpendicular direction are worse.
So each covariance is first turned into unit vectors that realise it to rounding (pivoted Cholesky, which is backward
stable), and everything after is exact geometry of those vectors: differences before projections, Kahan's angle.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

SAME = 1e-24
"""Squared distance of two unit vectors below which they are one."""


@njit(cache=True)
def unit_vectors(c: np.ndarray) -> np.ndarray:
    """Rows of unit length whose products are the correlations of covariance `c`, `(n, n)`.

    A direction whose remaining variance is below 8 n machine epsilon is taken to lie in the span of those before, so
    that variables that coincide up to rounding coincide exactly.
    """
    n = c.shape[0]
    rest = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            rest[i, j] = 1.0 if i == j else c[i, j] / math.sqrt(c[i, i] * c[j, j])
    u = np.zeros((n, n))
    done = np.zeros(n, np.bool_)
    for k in range(n):
        p = -1
        for i in range(n):
            if not done[i] and (p < 0 or rest[i, i] > rest[p, p]):
                p = i
        if rest[p, p] <= 8 * n * 2.220446049250313e-16:
            break
        root = math.sqrt(rest[p, p])
        for i in range(n):
            u[i, k] = 0.0 if done[i] else rest[i, p] / root
        done[p] = True
        for i in range(n):
            for j in range(n):
                rest[i, j] -= u[i, k] * u[j, k]
    for i in range(n):
        size = math.sqrt(dot(u[i], u[i]))
        for k in range(n):
            u[i, k] /= size
    return u


@njit(cache=True)
def dot(u: np.ndarray, v: np.ndarray) -> float:
    """Inner product."""
    total = 0.0
    for k in range(u.shape[0]):
        total += u[k] * v[k]
    return total


@njit(cache=True)
def angle(u: np.ndarray, v: np.ndarray) -> float:
    """Kahan's angle between unit vectors, in [0, pi]: 2 atan2(|u - v|, |u + v|)."""
    minus = 0.0
    plus = 0.0
    for k in range(u.shape[0]):
        minus += (u[k] - v[k]) ** 2
        plus += (u[k] + v[k]) ** 2
    return 2.0 * math.atan2(math.sqrt(minus), math.sqrt(plus))


@njit(cache=True)
def perpendicular(u: np.ndarray, v: np.ndarray, out: np.ndarray) -> float:
    """Write the direction of v's part perpendicular to u into `out`, and return that part's length (u, v unit).

    From v - u or v + u, whichever is shorter: its error is then relative to sin of the angle, and the direction of v
    off u is opposite to that of u off v to rounding, which is what cancels in sums over both.
    """
    n = u.shape[0]
    side = 1.0 if dot(u, v) >= 0 else -1.0
    for k in range(n):
        out[k] = v[k] - side * u[k]
    for _ in range(2):
        along = dot(out, u)
        for k in range(n):
            out[k] -= along * u[k]
    size = math.sqrt(dot(out, out))
    if size > 0:
        for k in range(n):
            out[k] /= size
    return size


@njit(cache=True)
def merge(v: np.ndarray, n: int, p: int, q: int) -> tuple[int, int, int]:
    """Drop repeated directions among the first n rows, following the places p and q of two of them.

    Returns:
        (number left, p, q); the number is -1 where two are opposite, so that no x has a positive product with both.
    """
    i = 0
    while i < n:
        j = i + 1
        while j < n:
            minus = 0.0
            plus = 0.0
            for k in range(v.shape[1]):
                minus += (v[i, k] - v[j, k]) ** 2
                plus += (v[i, k] + v[j, k]) ** 2
            if plus < SAME:
                return -1, p, q
            if minus < SAME:
                n -= 1
                p = i if p == j else (j if p == n else p)
                q = i if q == j else (j if q == n else q)
                v[j] = v[n]
            else:
                j += 1
        i += 1
    return n, p, q
