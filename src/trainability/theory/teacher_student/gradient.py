"""The exact gradient of the population loss, in the student's rows and in its output weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student._chunks import in_chunks
from trainability.theory.teacher_student._pairs import pairs
from trainability.theory.teacher_student.checks import Networks, networks
from trainability.theory.teacher_student.kernel import lag

Array = NDArray[np.float64]


def gradient(
    W: ArrayLike, V: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, slope: float = 0.0
) -> Array:
    """The gradient of the population loss in the student's rows.

        dL/dw_i = a_i [ sum_j a_j g(w_i, w_j) - sum_j b_j g(w_i, v_j) ]
        g(w, v) = [ (pi - t) v + |v| sin t w/|w| ] / (2 pi),   with slope s: (1 - s)^2 g + s v

    The pi v of all terms are summed first: that vector is 0 where the networks agree, and so is every other term.

    Args:
        W: student rows, shape (..., k, d), none of them 0: the gradient there depends on the direction of approach.
        V: teacher rows, shape (m, d), none of them 0.
        a: student output weights of either sign, shape (k,) or (..., k); ones when None.
        b: teacher output weights of either sign, shape (m,); ones when None.
        slope: s, of the leaky ReLU for negative input, in both networks.

    Returns:
        dL/dW, shape (..., k, d); absolute error a few 1e-16 times the largest |a_i| sum_l |c_l z_l|.

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a row that is 0.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 1 (eq. 5, his F(e, w)) and eq. 8, where sums over N samples make it N times
        this.

    >>> gradient([[1.0, 0.0]], [[0.0, 1.0]]).round(6).tolist()
    [[0.340845, -0.25]]
    """
    n = networks(W, V, a, b, slope)
    k, d = n.W.shape[-2:]
    return in_chunks(n, k * (k + n.b.size), (k, d), _gradient)


def gradient_output(
    W: ArrayLike, V: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, slope: float = 0.0
) -> Array:
    """The gradient of the population loss in the student's output weights.

        dL/da_i = sum_j a_j k(w_i, w_j) - sum_j b_j k(w_i, v_j)

    Args:
        W: student rows, shape (..., k, d); a row may be 0.
        V: teacher rows, shape (m, d), none of them 0.
        a: student output weights of either sign, shape (k,) or (..., k); ones when None.
        b: teacher output weights of either sign, shape (m,); ones when None.
        slope: s, of the leaky ReLU for negative input, in both networks.

    Returns:
        dL/da, shape (..., k).

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a teacher row of 0.

    Source:
        `trainability.theory.teacher_student.kernel`; the loss is quadratic in a.

    >>> gradient_output([[1.0, 0.0]], [[0.0, 1.0]]).round(6).tolist()
    [0.340845]
    """
    n = networks(W, V, a, b, slope, zero_student=True)
    k = n.W.shape[-2]
    return in_chunks(n, k * (k + n.b.size), (k,), _gradient_output)


def _gradient(n: Networks) -> Array:
    p = pairs(n)
    k, s = p.k, n.slope
    # (pi - t) v = pi v - t v: the sum of the pi v is one vector, which vanishes where student and teacher agree
    rest = np.einsum("...l,...ld->...d", p.weights, p.rows)[..., None, :]
    turn = (p.t * p.weights[..., None, :]) @ p.rows
    pull = np.einsum("...il,...l->...i", p.sine, p.weights * p.lengths)[..., None] * p.units[..., :k, :]
    out = (1 - s) ** 2 * (pull - turn) / (2 * np.pi) + (1 + s * s) / 2 * rest
    return n.a[..., None] * out


def _gradient_output(n: Networks) -> Array:
    p = pairs(n)
    k, s = p.k, n.slope
    rest = np.einsum("...l,...ld->...d", p.weights, p.rows)
    linear = np.einsum("...id,...d->...i", p.rows[..., :k, :], rest)
    turn = p.lengths[..., :k] * np.einsum("...il,...l->...i", lag(p.t), p.weights * p.lengths)
    return (1 + s * s) / 2 * linear + (1 - s) ** 2 * turn / (2 * np.pi)
