"""The Gaussian averages of gates and ReLUs that online learning is made of.

Every one is exact also where variables coincide, are opposite or depend linearly on each other: a repeated gate is
one gate, and a gate with its opposite is never open.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from trainability.theory.online._check import Array, covariances
from trainability.theory.online._geometry import angle, dot, merge, perpendicular, unit_vectors
from trainability.theory.online.orthants import probability

ROOT = math.sqrt(2 * math.pi)


def i2(c: ArrayLike) -> Array:
    """The mean product of two rectified centred Gaussians.

        I2 = E relu(x1) relu(x2) = sqrt(C11 C22) ((pi - t) cos t + sin t)/(2 pi)

    Args:
        c: covariances `(..., 2, 2)`, variances above 0, singular allowed.

    Returns:
        `(...)`, at least 0.

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Cho and Saul 2009, arc-cosine kernel of degree 1, with their factor 2 left out.

    >>> float(i2([[1.0, 1.0], [1.0, 1.0]]))
    0.5
    """
    return _each(covariances(c, 2), 2)


def i3(c: ArrayLike) -> Array:
    """The mean of a gate, a Gaussian and a rectified Gaussian.

        I3 = E 1{x1 > 0} x2 relu(x3) = (C12 sqrt(C33/C11) sin t + C23 (pi - t))/(2 pi),   t the angle of x1 and x3

    Args:
        c: covariances `(..., 3, 3)`, variances above 0, singular allowed.

    Returns:
        `(...)`.

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 1, projected on x2; the I3 of Saad and Solla 1995 for the ReLU.

    >>> import numpy as np
    >>> round(float(i3(np.eye(3))), 12), float(i3(np.ones((3, 3))))
    (0.0, 0.5)
    """
    return _each(covariances(c, 3), 3)


def i4(c: ArrayLike) -> Array:
    """The mean of two gates and two rectified Gaussians, to 1e-10 of sqrt(C33 C44).

        I4 = E 1{x1 > 0} 1{x2 > 0} relu(x3) relu(x4) = C34 P4 + sum_(j = 1, 2, 4) C4j/sqrt(2 pi Cjj) E1(rest | xj = 0)
        E1 = E 1{y1 > 0} 1{y2 > 0} relu(y3)          = sum_(j = 1, 2, 3) S3j/sqrt(2 pi Sjj) P2(others | yj = 0)

    by Stein's lemma, on x4 and then on y3. Coinciding variables are merged at each of the three levels, because a
    product of n equal gates has one jump and not n.

    Args:
        c: covariances `(..., 4, 4)` of (gate, gate, ReLU, ReLU), variances above 0, singular allowed.

    Returns:
        `(...)`, at least 0.

    Raises:
        ValueError: for a matrix that is not a covariance with positive variances.

    Source:
        Derived here. Saad and Solla 1995, Phys. Rev. E 52, 4225, need it for every activation, and give
        it for the error function.

    >>> import numpy as np
    >>> round(float(i4(np.eye(4))) * 8 * np.pi, 9)  # independent: (1/2)² (1/sqrt(2 pi))²
    1.0
    >>> float(i4(np.ones((4, 4))))
    0.5
    """
    return _each(covariances(c, 4), 4)


def _each(c: Array, n: int) -> Array:
    out = np.empty(c.shape[:-2])
    _batch(c.reshape(-1, n, n), out.reshape(-1))
    return out


@njit(cache=True)
def _batch(c: np.ndarray, out: np.ndarray) -> None:
    n = c.shape[1]
    for s in range(c.shape[0]):
        u = unit_vectors(c[s])
        if n == 2:
            out[s] = relu_relu(c[s, 0, 0], c[s, 1, 1], angle(u[0], u[1]))
        elif n == 3:
            out[s] = gate_linear_relu(c[s], angle(u[0], u[2]), 0, 1, 2)
        else:
            out[s] = math.sqrt(c[s, 2, 2] * c[s, 3, 3]) * gates_relus(u, 0, 1, 2, 3, workspace(n))


@njit(cache=True)
def relu_relu(c11: float, c22: float, t: float) -> float:
    """I2 at the angle t; below pi - t = 1e-3 by its series, because the two terms cancel there."""
    s = math.pi - t
    h = s**3 / 3 - s**5 / 30 + s**7 / 840 if s < 1e-3 else s * math.cos(t) + math.sin(t)
    return math.sqrt(c11 * c22) * h / (2 * math.pi)


@njit(cache=True)
def gate_linear_relu(c: np.ndarray, t: float, i: int, n: int, s: int) -> float:
    """I3 of gate i, linear n, ReLU s, with t the angle of i and s."""
    return (c[i, n] * math.sqrt(c[s, s] / c[i, i]) * math.sin(t) + c[n, s] * (math.pi - t)) / (2 * math.pi)


@njit(cache=True)
def workspace(r: int) -> np.ndarray:
    """Room for the vectors of the three levels of `gates_relus` in r dimensions."""
    return np.empty((3, 4, r))


@njit(cache=True)
def gates_relus(u: np.ndarray, i: int, k: int, p: int, q: int, room: np.ndarray) -> float:
    """E 1{u_i.x > 0} 1{u_k.x > 0} relu(u_p.x) relu(u_q.x), x ~ N(0, I), for unit rows of u."""
    v, y = room[0], room[1]
    v[0], v[1], v[2], v[3] = u[i], u[k], u[p], u[q]
    n, p, q = merge(v, 4, 2, 3)
    if n < 0:
        return 0.0
    total = dot(v[p], v[q]) * probability(v, n)
    for j in range(n):
        weight = dot(v[q], v[j])
        if j == p or weight == 0.0:
            continue
        m, place, size = 0, 0, 0.0
        for s in range(n):
            if s != j:
                length = perpendicular(v[j], v[s], y[m])
                if s == p:
                    place, size = m, length
                m += 1
        total += weight * size * _gates_relu(y, m, place, room[2]) / ROOT
    return max(0.0, total)


@njit(cache=True)
def _gates_relu(y: np.ndarray, n: int, p: int, z: np.ndarray) -> float:
    """E of relu(y_p.x) on all of the first n <= 3 gates."""
    n, p, _ = merge(y, n, p, p)
    total = 0.0
    for j in range(n):
        m = 0
        for s in range(n):
            if s != j:
                perpendicular(y[j], y[s], z[m])
                m += 1
        total += dot(y[p], y[j]) * probability(z, m)
    return total / ROOT
