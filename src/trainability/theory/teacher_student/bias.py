"""The population loss and gradient when the neurons have biases: the kernel is a bivariate normal integral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from trainability.theory.teacher_student._chunks import in_chunks
from trainability.theory.teacher_student.angle import angle_table, norm, unit
from trainability.theory.teacher_student.bivariate import conditional_limits, phi2
from trainability.theory.teacher_student.checks import Networks, broadcast, directions, finite, fitting, leak, networks

Array = NDArray[np.float64]


def kernel_with_bias(w: ArrayLike, bw: ArrayLike, v: ArrayLike, bv: ArrayLike, slope: float = 0.0) -> Array:
    """The mean of the product of two ReLUs with biases under standard Gaussian input.

        E relu(w.x + bw) relu(v.x + bv)
          = |w||v| [ (r + A B) Phi2(A, B; r) + A phi(B) Phi(p) + B phi(A) Phi(q) + s phi(A) phi(q) ]
        A = bw/|w|,  B = bv/|v|,  r = cos t,  s = sin t,  p = (A - r B)/s,  q = (B - r A)/s

    Args:
        w: vectors along the last axis, shape (..., d), none of them 0.
        bw: their biases, shape (...).
        v, bv: the same; leading dimensions broadcast.
        slope: s', of the leaky ReLU: relu(z) + s' min(z, 0).

    Returns:
        The kernel, shape of the broadcast leading dimensions.

    Raises:
        ValueError: for a vector that is 0 or not finite, or lengths d that differ.

    Source:
        Derived here by Stein's lemma; at zero bias Cho and Saul 2009, eq. 3 and 6.

    >>> float(kernel_with_bias([1.0], 0.0, [1.0], 0.0))
    0.5
    """
    w, v, bw, bv = directions("w", w), directions("v", v), finite("bw", bw), finite("bv", bv)
    fitting(w, v)
    shape, slope = broadcast(w.shape[:-1], v.shape[:-1], bw.shape, bv.shape), leak(slope)
    d = w.shape[-1]
    w, v = (np.broadcast_to(x, (*shape, d))[..., None, :] for x in (w, v))
    bw, bv = (np.broadcast_to(x, shape)[..., None] for x in (bw, bv))
    return _Table.of(w, bw, v, bv).kernel(slope)[..., 0, 0]


def loss_with_bias(
    W: ArrayLike,
    bw: ArrayLike,
    V: ArrayLike,
    bv: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    slope: float = 0.0,
) -> Array:
    """The mean squared error of student against teacher, both with biases, over standard Gaussian input, halved.

        L = 1/2 E( sum_i a_i relu(w_i . x + bw_i) - sum_j b_j relu(v_j . x + bv_j) )^2

    Args:
        W: student rows, shape (..., k, d), none of them 0.
        bw: student biases, shape (k,) or (..., k).
        V: teacher rows, shape (m, d), none of them 0.
        bv: teacher biases, shape (m,).
        a: student output weights, shape (k,) or (..., k); ones when None.
        b: teacher output weights, shape (m,); ones when None.
        slope: of the leaky ReLU, both networks.

    Returns:
        The loss, shape (...); absolute error a few 1e-16 times the sum of the kernels.

    Raises:
        ValueError: for shapes that do not fit, a number that is not finite, a row that is 0.

    Source:
        `kernel_with_bias`.

    >>> float(loss_with_bias([[1.0]], [0.0], [[1.0]], [1.0]).round(6))
    0.313388
    """
    n, bw, bv = _checked(W, bw, V, bv, a, b, slope)
    teacher = np.einsum("i,ij,j->", n.b, _Table.of(n.V, bv, n.V, bv).kernel(n.slope), n.b)

    def part(n: Networks, bw: Array) -> Array:
        own = np.einsum("ni,nij,nj->n", n.a, _Table.of(n.W, bw, n.W, bw).kernel(n.slope), n.a)
        mixed = np.einsum("ni,nij,j->n", n.a, _Table.of(n.W, bw, n.V, bv).kernel(n.slope), n.b)
        return 0.5 * own - mixed + 0.5 * teacher

    return _in_parts(n, bw, (), part)


def gradient_with_bias(
    W: ArrayLike,
    bw: ArrayLike,
    V: ArrayLike,
    bv: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    slope: float = 0.0,
) -> tuple[Array, Array, Array]:
    """The gradient of the loss with biases, in the student's rows, biases and output weights.

        dk/dw  = v Phi2 + (w/|w|) |v| phi(A) s [ q Phi(q) + phi(q) ]
        dk/dbw = |v| [ B Phi2 + phi(B) Phi(p) + r phi(A) Phi(q) ]          letters as in `kernel_with_bias`

    Args:
        W, bw, V, bv, a, b, slope: as in `loss_with_bias`.

    Returns:
        (dL/dW, dL/dbw, dL/da), of shape (..., k, d), (..., k) and (..., k).

    Raises:
        ValueError: as in `loss_with_bias`.

    Source:
        Derived here by Stein's lemma; at zero bias Tian 2017, arXiv 1703.00560, Theorem 1.

    >>> dW, dbw, da = gradient_with_bias([[1.0]], [0.0], [[1.0]], [1.0])
    >>> dW.round(6).tolist(), dbw.round(6).tolist(), da.round(6).tolist()
    ([[-0.398942]], [-0.5], [-0.398942])
    """
    n, bw, bv = _checked(W, bw, V, bv, a, b, slope)
    k, d = n.W.shape[-2:]

    def part(n: Networks, bw: Array) -> Array:
        out = np.zeros((*n.W.shape[:-1], d + 2))  # for each student: row, bias, output weight
        for other, bias, weight in ((n.W, bw, n.a[:, None, :]), (n.V, bv, -n.b)):
            table = _Table.of(n.W, bw, other, bias)
            along_v, along_u, in_bias = table.gradients(n.slope)
            out[..., :d] += (along_v * weight) @ other + (along_u * weight).sum(axis=-1)[..., None] * unit(n.W)
            out[..., d] += (in_bias * weight).sum(axis=-1)
            out[..., d + 1] += (table.kernel(n.slope) * weight).sum(axis=-1)
        out[..., : d + 1] *= n.a[..., None]
        return out

    out = _in_parts(n, bw, (k, d + 2), part)
    return out[..., :d], out[..., d], out[..., d + 1]


def _in_parts(n: Networks, bw: Array, shape: tuple[int, ...], f: Callable[[Networks, Array], Array]) -> Array:
    """`in_chunks` with the biases as one more coordinate of each row."""
    d = n.W.shape[-1]
    joint = Networks(np.concatenate([n.W, bw[..., None]], axis=-1), n.V, n.a, n.b, n.slope)

    def g(c: Networks) -> Array:
        return f(Networks(c.W[..., :d], c.V, c.a, c.b, c.slope), c.W[..., d])

    return in_chunks(joint, n.W.shape[-2] * (n.W.shape[-2] + n.b.size), shape, g)


def _checked(
    W: ArrayLike, bw: ArrayLike, V: ArrayLike, bv: ArrayLike, a: ArrayLike | None, b: ArrayLike | None, slope: float
) -> tuple[Networks, Array, Array]:
    n = networks(W, V, a, b, slope)
    bw, bv = finite("bw", bw), finite("bv", bv)
    k, m = n.W.shape[-2], n.V.shape[0]
    if bw.shape not in ((k,), n.W.shape[:-1]):
        raise ValueError(f"Got bw of shape {bw.shape}; need {(k,)} or {n.W.shape[:-1]}. Give one bias per student row.")
    if bv.shape != (m,):
        raise ValueError(f"Got bv of shape {bv.shape}; need {(m,)}. Give one bias per teacher row.")
    return n, np.broadcast_to(bw, n.W.shape[:-1]), bv


@dataclass(frozen=True)
class _Table:
    """All pairs of k neurons (left) and n neurons (right): the letters of `kernel_with_bias`, shape (..., k, n)."""

    x: Array  # |w|
    y: Array  # |v|
    A: Array
    B: Array
    r: Array
    s: Array
    p: Array
    q: Array
    both: Array  # Phi2

    @staticmethod
    def of(W: Array, bw: Array, V: Array, bv: Array) -> _Table:
        u, o = unit(W), unit(V)
        if V.shape[:-2] != W.shape[:-2]:
            o = np.broadcast_to(o, (*W.shape[:-2], *V.shape[-2:]))
        t, delta = angle_table(u, o)
        if W is V:
            own = np.arange(W.shape[-2])
            t[..., own, own], delta[..., own, own] = 0.0, np.pi
        x, y = norm(W)[..., :, None], norm(V)[..., None, :]
        A, B = np.broadcast_arrays(bw[..., :, None] / x, bv[..., None, :] / y)
        q, p = conditional_limits(A, B, t, delta)
        return _Table(x, y, A, B, np.cos(t), np.sin(np.minimum(t, delta)), p, q, phi2(A, B, q, p, delta))

    def kernel(self, slope: float) -> Array:
        A, B, r, s, p, q = self.A, self.B, self.r, self.s, self.p, self.q
        k = (r + A * B) * self.both + A * _phi(B) * ndtr(p) + B * _phi(A) * ndtr(q) + s * _phi(A) * _phi(q)
        if slope:
            left = r * ndtr(A) + B * (A * ndtr(A) + _phi(A))  # E relu(u) t, in units of |w||v|
            right = r * ndtr(B) + A * (B * ndtr(B) + _phi(B))
            k = (1 - slope) ** 2 * k + slope * (1 - slope) * (left + right) + slope**2 * (r + A * B)
        return self.x * self.y * k

    def gradients(self, slope: float) -> tuple[Array, Array, Array]:
        """Coefficients of v and of w/|w| in dk/dw, and dk/dbw."""
        A, B, r, s, p, q = self.A, self.B, self.r, self.s, self.p, self.q
        with np.errstate(invalid="ignore"):
            # s q = B - r A is finite where q is not
            rising = np.where(np.isinf(q), np.maximum(B - r * A, 0.0), s * (q * ndtr(q) + _phi(q)))
        along_v, along_u = self.both, _phi(A) * rising
        in_bias = B * self.both + _phi(B) * ndtr(p) + r * _phi(A) * ndtr(q)
        if slope:
            relu, cross = (1 - slope) ** 2, slope * (1 - slope)
            along_v = relu * along_v + cross * (ndtr(A) + ndtr(B)) + slope**2
            along_u = relu * along_u + cross * _phi(A) * (B - r * A)
            in_bias = relu * in_bias + cross * (B * ndtr(A) + r * _phi(A) + B * ndtr(B) + _phi(B)) + slope**2 * B
        return along_v, along_u * self.y, in_bias * self.y


def _phi(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
