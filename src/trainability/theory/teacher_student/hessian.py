"""The exact Hessian of the population loss in the student's rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student._chunks import in_chunks
from trainability.theory.teacher_student._pairs import pairs
from trainability.theory.teacher_student.checks import Networks, networks

Array = NDArray[np.float64]


def hessian(
    W: ArrayLike, V: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, slope: float = 0.0
) -> Array:
    """The Hessian of the population loss in the student's rows, row after row.

        H_ii = a_i^2/2 I + sum_{j != i} a_i a_j h1(w_i, w_j) - sum_j a_i b_j h1(w_i, v_j);   H_ij = a_i a_j h2(w_i, w_j)
        h1(w, v) = dg/dw = |v| sin t/(2 pi |w|) [ I - u u' + n n' ]
        h2(w, v) = dg/dv = [ (pi - t) I + sin t (u q' + n m') ] / (2 pi)
        u = w/|w|,  q = v/|v|,  n = (q - u cos t)/sin t,  m = (u - q cos t)/sin t

    With slope s: (1 - s)^2 h1, and (1 - s)^2 h2 + s I; the 1/2 of H_ii becomes (1 + s^2)/2. Nothing is singular at
    t = 0 and t = pi: sin t n comes from u - q or u + q, and h1 tends to 0.

    Args:
        W: student rows, shape (..., k, d), none of them 0: there the Hessian is unbounded.
        V: teacher rows, shape (m, d), none of them 0.
        a: student output weights of either sign, shape (k,) or (..., k); ones when None.
        b: teacher output weights of either sign, shape (m,); ones when None.
        slope: s, of the leaky ReLU for negative input, in both networks.

    Returns:
        d^2 L/dW dW, shape (..., k d, k d), symmetric; row i d + r is coordinate r of student i.

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a row that is 0.

    Source:
        Derived here from dg/dw and dg/dv. The form with m q' + n u' in place of
        sin t (u q' + n m') is the same matrix and loses digits near t = 0 and pi.

    >>> hessian([[1.0, 0.0]], [[1.0, 0.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    n = networks(W, V, a, b, slope)
    k, d = n.W.shape[-2:]
    return in_chunks(n, k * (k + n.b.size) * d + (k * d) ** 2, (k * d, k * d), _hessian)


def _hessian(n: Networks) -> Array:
    p = pairs(n)
    k, s = p.k, n.slope
    d = n.W.shape[-1]
    u = p.units[..., :k, :]
    eye = np.eye(d)
    # x_il = q_l - cos(t_il) u_i = sin(t_il) n_il, from the difference (or the sum) of the units: no cancellation
    U, Q = u[..., :, None, :], p.units[..., None, :, :]
    half = (p.t <= p.delta)[..., None]
    turn = 2.0 * np.sin(np.minimum(p.t, p.delta) / 2.0)[..., None] ** 2
    X = np.where(half, (Q - U) + turn * U, (Q + U) - turn * U)
    Y = np.where(half, (U - Q) + turn * Q, (U + Q) - turn * Q)  # sin(t_il) m_il
    inverse = np.where(p.sine > 0, 1.0 / np.where(p.sine > 0, p.sine, 1.0), 0.0)
    pull = p.weights[..., None, :] * p.lengths[..., None, :] / p.lengths[..., :k, None]
    strength = np.einsum("...il,...il->...i", pull, p.sine)[..., None, None]
    diagonal = strength * (eye - u[..., :, None] * u[..., None, :])
    diagonal += np.swapaxes((pull * inverse)[..., None] * X, -1, -2) @ X
    diagonal /= 2.0 * np.pi
    # a row against itself: h2 = I/2
    relu = (1 - s) ** 2
    scale = relu / (2.0 * np.pi) * n.a[..., None, :]  # of block (i, j), before a_i
    blocks = (scale[..., None] * p.sine[..., :k, None] * U)[..., :, None] * Q[..., :, :k, None, :]
    blocks += ((scale * inverse[..., :k])[..., None] * X[..., :k, :])[..., :, None] * Y[..., :k, None, :]
    straight = scale * p.delta[..., :k] + s * n.a[..., None, :]
    every = np.arange(d)
    blocks[..., every, every] += straight[..., None]
    own = np.arange(k)
    blocks[..., own, own, :, :] += relu * diagonal
    blocks *= n.a[..., :, None, None, None]
    blocks = np.swapaxes(blocks, -3, -2)
    return blocks.reshape(*n.W.shape[:-2], k * d, k * d)
