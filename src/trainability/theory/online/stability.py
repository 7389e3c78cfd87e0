"""The largest learning rate at which online learning still converges, from its equations at the perfect solution.

Let K = M students be close to their teachers, w_i = v_i b_i/a_i + d_i. To first order e = g' (d x) with the gates
g_i = a_i 1{v_i.x > 0}, and the part of d perpendicular to the teachers has products D = d d' that obey a closed law,

    dD/dalpha = -eta (H D + D H) + eta² P[D],    H_ij = a_i a_j P2(i,j),    P[D]_ik = a_i a_k sum_jl a_j a_l P4(i,k,j,l) D_jl

while the part within the teachers' span, c, only decays: dc/dalpha = -eta G c + (terms in D), G the Hessian there.
The first term shrinks D and the second, which is the fluctuation of single examples, feeds it: learning converges iff

    eta < eta* = 1 / (largest l with P[D] = l (H D + D H))
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from trainability.theory.online._check import Array, at_least_zero, order_parameters
from trainability.theory.online._geometry import angle, perpendicular, unit_vectors
from trainability.theory.online.orthants import p2, p4


@dataclass(frozen=True)
class Spectrum:
    """Growth rates per unit of alpha at the perfect solution; all are below 0 where it is stable.

    Args:
        outside: of the products D of what is perpendicular to the teachers `(K (K + 1)/2,)`, largest first.
        inside: of the components in the teachers' span `(K rank T,)`, largest first.
        error: of the generalisation error, which is linear in D and quadratic in the components inside.
    """

    outside: Array
    inside: Array
    error: float


def largest_eta(T: ArrayLike, a: ArrayLike | None = None) -> float:
    """The learning rate eta* below which students at their teachers return there after a small disturbance.

        eta* = 1 / (largest l with P[D] = l (H D + D H));   2/a² for K = M = 1

    The criterion is local: it says nothing of plateaus and other minima on the way. Lengths of the teachers do not
    matter, because gates do not see them.

    Args:
        T: teacher overlaps `(K, K)`, one teacher per student, diagonal above 0; a number for K = 1.
        a: output weights of the students `(K,)`, of the teachers' signs; 1 if None.

    Returns:
        eta*, in units where the step is eta/N.

    Raises:
        ValueError: for overlaps that no vectors have, and where perfect solutions are a continuum: two teachers of one
            direction, or an output weight of 0.

    Source:
        Derived here, by linearising the equations of `rates`; for one linear unit it is the mean-square stability
        limit 2/a² of the LMS filter.

    >>> largest_eta(1.0)
    2.0
    >>> import numpy as np
    >>> bool(abs(largest_eta(np.eye(2)) - (3 - np.sqrt(3))) < 1e-12)
    True
    """
    shrink, feed = _operators(T, a)[:2]
    return 1.0 / float(eigh(feed, shrink, eigvals_only=True)[-1])


def spectrum(T: ArrayLike, eta: float, a: ArrayLike | None = None) -> Spectrum:
    """The growth rates of a small disturbance of the perfect solution, per unit of alpha.

        outside: eigenvalues of D -> -eta (H D + D H) + eta² P[D];   inside: -eta times those of G;
        error:   the larger of max outside and 2 max inside

    For K = M = 1 and a = 1 the error changes as exp(-eta (1 - eta/2) alpha), fastest at eta = 1.

    Args:
        T: teacher overlaps `(K, K)`, one teacher per student, diagonal above 0; a number for K = 1.
        eta: learning rate, at least 0.
        a: output weights of the students `(K,)`, of the teachers' signs; 1 if None.

    Returns:
        Spectrum.

    Raises:
        ValueError: as for `largest_eta`, and for a negative eta.

    Source:
        Derived here, in this module's head.

    >>> spectrum(1.0, eta=1.5).error
    -0.375
    """
    eta = at_least_zero("eta", eta)
    shrink, feed, hessian = _operators(T, a)
    outside = np.asarray(np.linalg.eigvalsh(-eta * shrink + eta * eta * feed)[::-1], dtype=np.float64)
    inside = np.asarray(-eta * np.linalg.eigvalsh(hessian), dtype=np.float64)
    return Spectrum(outside, inside, float(max(outside[0], 2 * inside[0])))


def _operators(t: ArrayLike, a: ArrayLike | None) -> tuple[Array, Array, Array]:
    """(H D + D H, P[D]) as matrices on an orthonormal basis of symmetric D, and the Hessian in the teachers' span."""
    _, _, t_, a_, _ = order_parameters(t, t, t, a, None)
    k = len(a_)
    where = np.array(np.meshgrid(*[range(k)] * 2, indexing="ij")).reshape(2, -1).T
    gates = p2(t_[where[:, :, None], where[:, None, :]]).reshape(k, k)
    h = np.outer(a_, a_) * gates
    if np.linalg.eigvalsh(h)[0] < 1e-12 * np.abs(h).max():
        raise ValueError(
            "Got teachers (or output weights) for which perfect solutions are a continuum, so that no learning rate "
            "brings students back to one; need distinct directions and no weight of 0. Merge teachers of one direction."
        )
    four = np.array(np.meshgrid(*[range(k)] * 4, indexing="ij")).reshape(4, -1).T
    p = p4(t_[four[:, :, None], four[:, None, :]]).reshape(k * k, k * k)
    weight = np.outer(a_, a_).ravel()
    feed = weight[:, None] * p * weight
    shrink = np.kron(h, np.eye(k)) + np.kron(np.eye(k), h)
    basis = np.zeros((k * k, k * (k + 1) // 2))
    for column, (i, j) in enumerate(zip(*np.triu_indices(k), strict=True)):
        basis[i * k + j, column] = basis[j * k + i, column] = 1.0 if i == j else math.sqrt(0.5)
    return basis.T @ shrink @ basis, basis.T @ feed @ basis, _hessian(t_, a_)


def _hessian(t: Array, a: Array) -> Array:
    """a_i a_j E 1_i 1_j x x' within the span of the teachers."""
    u = unit_vectors(t)
    u = np.ascontiguousarray(u[:, np.abs(u).max(axis=0) > 0])
    k, r = u.shape
    blocks = np.zeros((k, r, k, r))
    n, m = np.zeros(r), np.zeros(r)
    for i in range(k):
        for j in range(k):
            if i == j:
                blocks[i, :, i, :] = a[i] ** 2 * np.eye(r) / 2
                continue
            theta = angle(u[i], u[j])
            perpendicular(u[i], u[j], n)
            perpendicular(u[j], u[i], m)
            turn = math.sin(theta) * (np.outer(u[i], u[j]) + np.outer(n, m))
            blocks[i, :, j, :] = a[i] * a[j] * ((math.pi - theta) * np.eye(r) + turn) / (2 * math.pi)
    return blocks.reshape(k * r, k * r)
