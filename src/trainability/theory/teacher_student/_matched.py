"""The loss of a student that has nearly found its teacher, to full relative accuracy.

The loss there is the square of a small difference, and a sum of kernels of order 1 leaves only the last 1e-16 of it.
With every student paired to its own teacher, e_p = w_p - v_p (output weights absorbed, their signs s_p apart),

    L = (1 + s^2)/4 |sum_p s_p e_p|^2 - (1 - s)^2 sum_p rho(w_p, v_p) + (1 - s)^2/2 sum_{p != q} s_p s_q R_pq
    rho(w, v) = |w||v| (sin t - t cos t)/(2 pi) = k(w, v) - w.v/2
    R_pq = rho(w_p, w_q) - rho(w_p, v_q) - rho(v_p, w_q) + rho(v_p, v_q)
         = int_0^1 int_0^1 e_p' [d^2 rho / dw dv](v_p + x e_p, v_q + y e_q) e_q dx dy

The integral has no cancellation. Its integrand is analytic up to where v_p + x e_p meets the line of another row, at
D >= 20 |e_p|; N Gauss points leave (4 D/|e_p|)^(-2N) of it, so four points or fewer, with |e_p|/D, give the last digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainability.theory.teacher_student.angle import angle_table, norm, unit
from trainability.theory.teacher_student.checks import Networks
from trainability.theory.teacher_student.kernel import lag

Array = NDArray[np.float64]

# Gauss points, and the largest |e_p|/D they serve; D: how far v_p is from 0 and from the lines of other teachers.
_REACH = {1: 1e-8, 2: 1e-4, 3: 3e-3, 4: 0.05}
_CHUNK = 400_000  # numbers in one temporary table


def matched_loss(n: Networks) -> tuple[NDArray[np.bool_], Array]:
    """Which of these runs have found the teacher up to small differences, and their losses.

    Args:
        n: networks with W (runs, k, d) and a (runs, k).

    Returns:
        (which, losses): a mask of shape (runs,) and one loss for each True in it.
    """
    W, a = n.W, n.a
    none = np.zeros(W.shape[0], dtype=bool), np.zeros(0)
    V, signs = np.abs(n.b)[:, None] * n.V, np.sign(n.b)
    k = V.shape[0]
    if W.shape[1] != k:
        return none
    t, delta = angle_table(unit(n.V), unit(n.V))
    apart = np.sin(np.minimum(t, delta))
    apart[np.arange(k), np.arange(k)] = 1.0
    room = norm(V) * apart.min(axis=1)
    if not (room > 0).all():
        return none

    # every student's nearest teacher by direction; the pairing must be one to one
    rows = np.abs(a)[..., None] * W
    own = np.argmax(np.where(np.sign(a)[..., None] == signs, unit(rows) @ unit(V).T, -2.0), axis=-1)
    which = (np.sort(own, axis=-1) == np.arange(k)).all(axis=-1) & (np.sign(a) == signs[own]).all(axis=-1)
    rows, own = rows[which], own[which]
    reach = (norm(rows - V[own]) / room[own]).max(axis=-1, initial=0.0)
    near = reach <= _REACH[4]
    which[which] = near
    rows, own, reach = rows[near], own[near], reach[near]

    losses, least = np.zeros(reach.size), -1.0
    for points, most in _REACH.items():
        group = np.nonzero((reach > least) & (reach <= most))[0]
        size = max(1, _CHUNK // (k * points) ** 2)
        for part in (group[i : i + size] for i in range(0, group.size, size)):
            losses[part] = _loss(rows[part], V[own[part]], signs[own[part]], n.slope, points)
        least = most
    return which, losses


def _loss(W: Array, V: Array, signs: Array, slope: float, points: int) -> Array:
    runs, k, d = W.shape
    e = W - V
    total = np.einsum("np,npd->nd", signs, e)
    apart, along = norm(unit(W) - unit(V)), norm(unit(W) + unit(V))
    own = (norm(W) * norm(V) * lag(2.0 * np.arctan2(apart, along))).sum(axis=-1) / (2.0 * np.pi)

    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    row = np.repeat(np.arange(k), points)
    other = row[:, None] != row
    # every v_p + x e_p against every v_q + y e_q
    units = unit((V[:, :, None, :] + nodes[:, None] * e[:, :, None, :]).reshape(runs, k * points, d))
    t, delta = angle_table(units, units, other)
    cosine, sine = np.cos(t), np.sin(np.minimum(t, delta))
    reached = e[:, row]
    cross = reached @ np.swapaxes(units, 1, 2)  # e_p . q
    along_own = np.einsum("npd,npd->np", reached, units)  # e_p . u
    left = cross - cosine * along_own[:, :, None]
    right = np.swapaxes(cross, 1, 2) - cosine * along_own[:, None, :]
    turn = left * right / np.where(other, sine, 1.0)
    turn += sine * along_own[:, :, None] * along_own[:, None, :] - t * (reached @ np.swapaxes(reached, 1, 2))
    weight = np.tile(weights, k) * signs[:, row]
    mixed = np.einsum("np,npq,nq->n", weight, np.where(other, turn, 0.0), weight) / (2.0 * np.pi)
    relu = (1.0 - slope) ** 2
    return (1.0 + slope**2) / 4.0 * np.einsum("nd,nd->n", total, total) - relu * own + relu / 2.0 * mixed
