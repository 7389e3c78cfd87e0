"""How overlaps and error move under online learning in high dimension, at a finite learning rate.

A student sum_i a_i relu(w_i.x) learns from a teacher sum_m b_m relu(v_m.x) plus noise z, one fresh x ~ N(0, I_N) per
step, with |w| of order 1:

    w_i <- w_i - (eta/N) a_i 1{w_i.x > 0} e x,    e = sum_k a_k relu(w_k.x) - sum_m b_m relu(v_m.x) - z
    a_i <- a_i - (eta_a/N) e relu(w_i.x)

For N to infinity at alpha = steps/N fixed, the overlaps Q = WW', R = WV' (T = VV' stays) obey ordinary differential
equations. With E over the joint Gaussian of all pre-activations, whose covariance is [[Q, R], [R', T]]:

    dR_in/dalpha = -eta a_i E 1_i e (v_n.x)
    dQ_ik/dalpha = -eta a_i E 1_i e (w_k.x) - eta a_k E 1_k e (w_i.x) + eta² a_i a_k E 1_i 1_k e²
    da_i/dalpha  = -eta_a E e relu(w_i.x)

The term in eta² is there because |x|² = N; the output weights have none. It keeps noise in: sigma² P2(i, k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from trainability.theory.online._check import Array, at_least_zero, joint, order_parameters
from trainability.theory.online._geometry import angle, unit_vectors
from trainability.theory.online.integrals import gate_linear_relu, gates_relus, relu_relu, workspace


@dataclass(frozen=True)
class Rates:
    """Derivatives with respect to alpha.

    Args:
        Q: `(K, K)`.
        R: `(K, M)`.
        a: `(K,)`.
    """

    Q: Array
    R: Array
    a: Array


def rates(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    eta: float,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    noise: float = 0.0,
    eta_output: float = 0.0,
) -> Rates:
    """The derivatives of the overlaps with respect to alpha = steps/N, for K students, M teachers and any eta.

        dR_in/dalpha = -eta a_i [ sum_k a_k I3(i,n,k) - sum_m b_m I3(i,n,m) ]
        dQ_ik/dalpha = -eta { a_i [ sum_j a_j I3(i,k,j) - sum_m b_m I3(i,k,m) ] + (i <-> k) }
                       + eta² a_i a_k [ sum a a I4(i,k,j,l) - 2 sum a b I4(i,k,j,m) + sum b b I4(i,k,m,n) + sigma² P2(i,k) ]
        da_i/dalpha  = -eta_a [ sum_k a_k I2(i,k) - sum_m b_m I2(i,m) ]

    Students that coincide, with each other or with a teacher, are exact: gates that are one are counted as one. Two
    students at an angle below about 1e-7 count as coinciding, since a Gram matrix holds no smaller angle.

    Args:
        Q: student overlaps `(K, K)`, diagonal above 0; a number for K = 1.
        R: student-teacher overlaps `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        eta: learning rate of the student vectors, at least 0, in units where the step is eta/N.
        a: output weights of the students `(K,)`, any sign; 1 if None.
        b: output weights of the teachers `(M,)`, any sign; 1 if None.
        noise: variance sigma² of the noise on the teacher's answer, at least 0.
        eta_output: learning rate eta_a of the output weights, at least 0; 0 keeps them.

    Returns:
        Rates.

    Raises:
        ValueError: for shapes that do not fit, a vector of length 0, overlaps that no vectors have, or a negative
            rate or variance.

    Source:
        Saad and Solla 1995, Phys. Rev. E 52, 4225, for the error function; here for the ReLU,
        with I3 and I4 of `integrals`. The output weights as in Goldt and others 2019, arXiv 1906.08632.

    >>> rate = rates(0.25, 0.0, 1.0, eta=1.0)
    >>> round(float(rate.R[0, 0]), 12), round(float(rate.Q[0, 0]), 6)
    (0.25, 0.125)
    """
    q, r, t, a_, b_ = order_parameters(Q, R, T, a, b)
    eta, noise = at_least_zero("eta", eta), at_least_zero("noise", noise)
    eta_output = at_least_zero("eta_output", eta_output)
    return Rates(*derivatives(joint(q, r, t), a_, b_, eta, eta * eta, noise, eta_output))


def flow_rates(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> Rates:
    """The limit of small learning rates: derivatives with respect to s = eta alpha as eta goes to 0.

        dR/ds = -G V',   dQ/ds = -(G W' + W G'),   G = dL/dW the gradient of the population loss

    so that the overlaps follow gradient flow; noise has no effect there.

    Args:
        Q: student overlaps `(K, K)`, diagonal above 0.
        R: student-teacher overlaps `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        a: output weights of the students `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.

    Returns:
        Rates, that of `a` being 0.

    Raises:
        ValueError: for shapes that do not fit, a vector of length 0, or overlaps that no vectors have.

    Source:
        Tian 2017, arXiv 1703.00560, equation (8), in overlaps.

    >>> abs(float(flow_rates(1.0, 1.0, 1.0).Q[0, 0]))
    0.0
    """
    q, r, t, a_, b_ = order_parameters(Q, R, T, a, b)
    return Rates(*derivatives(joint(q, r, t), a_, b_, 1.0, 0.0, 0.0, 0.0))


def generalisation_error(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> Array:
    """Half the mean squared difference of student and noiseless teacher on a fresh input.

        eg = 1/2 sum a_i a_k I2(i,k) - sum a_i b_m I2(i,m) + 1/2 sum b_m b_n I2(m,n)

    Terms of order 1 cancel, so that values below about 1e-15 are rounding.

    Args:
        Q: student overlaps `(K, K)`, diagonal above 0.
        R: student-teacher overlaps `(K, M)`.
        T: teacher overlaps `(M, M)`, diagonal above 0.
        a: output weights of the students `(K,)`; 1 if None.
        b: output weights of the teachers `(M,)`; 1 if None.

    Returns:
        A number, as a 0-d array.

    Raises:
        ValueError: for shapes that do not fit, a vector of length 0, or overlaps that no vectors have.

    Source:
        Saad and Solla 1995, Phys. Rev. E 52, 4225; the loss of Tian 2017 in overlaps.

    >>> float(generalisation_error(0.25, 0.0, 1.0).round(6))
    0.232923
    """
    q, r, t, a_, b_ = order_parameters(Q, R, T, a, b)
    return np.asarray(error(joint(q, r, t), a_, b_))


@njit(cache=True)
def error(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Generalisation error for the joint covariance c of students, then teachers."""
    k, n = a.shape[0], c.shape[0]
    u = unit_vectors(c)
    total = 0.0
    for i in range(n):
        x = a[i] if i < k else -b[i - k]
        for j in range(i, n):
            y = a[j] if j < k else -b[j - k]
            total += (0.5 if i == j else 1.0) * x * y * relu_relu(c[i, i], c[j, j], angle(u[i], u[j]))
    return max(0.0, total)


@njit(cache=True)
def derivatives(
    c: np.ndarray, a: np.ndarray, b: np.ndarray, eta: float, square: float, noise: float, eta_output: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dQ, dR, da) for the joint covariance c, with `square` in place of eta²."""
    k, n = a.shape[0], c.shape[0]
    u = unit_vectors(c)
    out = np.concatenate((a, -b))
    angles = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            angles[i, j] = angles[j, i] = angle(u[i], u[j])

    # pull[i, x] = a_i E 1_i e x
    pull = np.zeros((k, n))
    for i in range(k):
        for x in range(n):
            for s in range(n):
                pull[i, x] += a[i] * out[s] * gate_linear_relu(c, angles[i, s], i, x, s)
    dq = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            dq[i, j] = -eta * (pull[i, j] + pull[j, i])
    if square > 0:
        room = workspace(n)
        size = np.empty(n)
        for s in range(n):
            size[s] = out[s] * np.sqrt(c[s, s])
        for i in range(k):
            for j in range(i, k):
                spread = noise * (np.pi - angles[i, j]) / (2 * np.pi)
                for p in range(n):
                    for q in range(p, n):
                        weight = size[p] * size[q] * (1.0 if p == q else 2.0)
                        if weight != 0.0:
                            spread += weight * gates_relus(u, i, j, p, q, room)
                dq[i, j] += square * a[i] * a[j] * spread
                dq[j, i] = dq[i, j]
    da = np.zeros(k)
    if eta_output > 0:
        for i in range(k):
            for s in range(n):
                da[i] -= eta_output * out[s] * relu_relu(c[i, i], c[s, s], angles[i, s])
    return dq, -eta * pull[:, k:].copy(), da
