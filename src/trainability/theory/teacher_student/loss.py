"""The population loss of a two-layer ReLU network against a teacher."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student._chunks import in_chunks
from trainability.theory.teacher_student._matched import matched_loss
from trainability.theory.teacher_student._pairs import pairs
from trainability.theory.teacher_student.angle import angle_table, norm, unit
from trainability.theory.teacher_student.checks import Networks, networks
from trainability.theory.teacher_student.kernel import lag

Array = NDArray[np.float64]


def loss(
    W: ArrayLike, V: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, slope: float = 0.0
) -> Array:
    """The mean squared error of student against teacher over standard Gaussian input, halved.

        L = 1/2 E( sum_i a_i relu(w_i . x) - sum_j b_j relu(v_j . x) )^2
          = 1/2 a' K(W, W) a - a' K(W, V) b + 1/2 b' K(V, V) b

    Since k(w, v) = w.v/2 + |w||v| (sin t - t cos t)/(2 pi), it is summed as (1 + s^2)/4 |sum a w - sum b v|^2 plus
    terms that vanish with the angles; with c_l the output weights a and -b together:

        L = (1 + s^2)/4 |sum_l c_l z_l|^2 + (1 - s)^2/(4 pi) sum_{l,l'} c_l c_l' |z_l||z_l'| (sin t - t cos t)

    Args:
        W: student rows, shape (..., k, d); a row may be 0.
        V: teacher rows, shape (m, d), none of them 0.
        a: student output weights of either sign, shape (k,) or (..., k); ones when None.
        b: teacher output weights of either sign, shape (m,); ones when None.
        slope: s, of the leaky ReLU for negative input, in both networks.

    Returns:
        The loss, shape (...). Absolute error a few 1e-16 times the largest |c_l c_l'| k. Where k = m and each student
        is near its own teacher (see `_matched`), the error is relative: 3e-16 of the loss, down to 1e-27.

    Raises:
        ValueError: for shapes that do not fit, k, m or d of 0, numbers that are not finite, a teacher row of 0.

    Source:
        Cho and Saul 2009, eq. 3 and 6, for the kernel; Safran and Shamir 2018, arXiv 1712.08968, for the loss with unit
        output weights. Tian 2017, arXiv 1703.00560, eq. 2, sums over N samples: N times this.

    >>> float(loss([[1.0, 0.0]], [[0.0, 1.0]]).round(12))  # 1/2 - 1/(2 pi)
    0.340845056908
    """
    n = networks(W, V, a, b, slope, zero_student=True)
    k = n.W.shape[-2]
    return in_chunks(n, k * (k + n.b.size), (), _loss)


def _loss(n: Networks) -> Array:
    p = pairs(n)
    k, s = p.k, n.slope
    strength = p.weights * p.lengths
    bent = lag(p.t)
    inner = bent[..., :k] @ strength[..., :k, None] + 2.0 * bent[..., k:] @ strength[..., k:, None]
    angles = np.einsum("...i,...i->...", strength[..., :k], inner[..., 0]) + _own_angles(n.V, n.b)
    rest = np.einsum("...l,...ld->...d", p.weights, p.rows)
    out = (1 + s * s) / 4 * np.einsum("...d,...d->...", rest, rest) + (1 - s) ** 2 / (4 * np.pi) * angles
    which, exact = matched_loss(n)
    out[which] = exact
    return out


def _own_angles(V: Array, b: Array) -> float:
    units = unit(V)
    t, _ = angle_table(units, units)
    own = np.arange(V.shape[0])
    t[own, own] = 0.0
    strength = b * norm(V)
    return float(strength @ lag(t) @ strength)
