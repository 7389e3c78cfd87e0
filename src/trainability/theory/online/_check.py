"""Bad input, refused in the house form: what was given, what was needed, what to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.checks import real

Array = NDArray[np.float64]


def covariances(c: ArrayLike, size: int) -> Array:
    """Covariance matrices `(..., size, size)`: finite, symmetric, of positive variances, with no negative direction."""
    c = real("the covariance", c)
    if c.ndim < 2 or c.shape[-2:] != (size, size):
        raise ValueError(
            f"Got a covariance of shape {c.shape}; need (..., {size}, {size}). Give one per last two axes."
        )
    finite("the covariance", c)
    gram("the covariance", c)
    return c


def finite(name: str, x: Array) -> None:
    """Refuse nan and infinity."""
    if not np.isfinite(x).all():
        raise ValueError(
            f"Got {name} with {int((~np.isfinite(x)).sum())} entries that are not finite; need numbers. Look for NaN or "
            "inf."
        )


def gram(name: str, c: Array) -> None:
    """Refuse what no vectors have as their products, and vectors of length 0."""
    size = np.abs(c).max(initial=0.0)
    if np.abs(c - np.swapaxes(c, -1, -2)).max(initial=0.0) > 1e-9 * size:
        raise ValueError(
            f"Got {name} that is not symmetric; need products of vectors. Give (C + C')/2 if it is rounding."
        )
    variances = np.diagonal(c, axis1=-2, axis2=-1)
    if (variances <= 0).any():
        raise ValueError(
            f"Got {name} with a smallest diagonal entry of {variances.min():g}; need all above 0. At w = 0 the gate "
            "1{w.x > 0} and the gradient depend on the direction of approach: start from a small w with a direction."
        )
    scale = np.sqrt(variances)
    lowest = np.linalg.eigvalsh(c / (scale[..., :, None] * scale[..., None, :])).min(initial=0.0)
    if lowest < -1e-8:
        raise ValueError(
            f"Got {name} whose correlations have the eigenvalue {lowest:.3g}; need none below 0, because no vectors "
            "have such products. Compute Q = WW', R = WV', T = VV' from vectors."
        )


def order_parameters(
    q: ArrayLike, r: ArrayLike, t: ArrayLike, a: ArrayLike | None, b: ArrayLike | None
) -> tuple[Array, Array, Array, Array, Array]:
    """(Q (K, K), R (K, M), T (M, M), a (K,), b (M,)) as float64, scalars taken as K = 1 or M = 1, weights 1 if None."""
    q, r, t = (np.atleast_2d(real(name, x)) for name, x in (("Q", q), ("R", r), ("T", t)))
    k, m = q.shape[0], t.shape[0]
    if not k or not m or q.shape != (k, k) or t.shape != (m, m) or r.shape != (k, m):
        raise ValueError(
            f"Got Q {q.shape}, R {r.shape}, T {t.shape}; need (K, K), (K, M), (M, M) with K and M at least 1. "
            "Rows of R are students."
        )
    a = np.ones(k) if a is None else np.atleast_1d(real("a", a))
    b = np.ones(m) if b is None else np.atleast_1d(real("b", b))
    if a.shape != (k,) or b.shape != (m,):
        raise ValueError(f"Got output weights a {a.shape}, b {b.shape}; need a ({k},), b ({m},). Give one per unit.")
    for name, x in (("Q", q), ("R", r), ("T", t), ("a", a), ("b", b)):
        finite(name, x)
    gram("the joint covariance [[Q, R], [R', T]]", joint(q, r, t))
    return (q + q.T) / 2, r, (t + t.T) / 2, a, b


def joint(q: Array, r: Array, t: Array) -> Array:
    """[[Q, R], [R', T]]."""
    return np.block([[q, r], [r.T, t]])


def at_least_zero(name: str, value: float) -> float:
    """A finite number not below 0."""
    number = real(name, value)
    if number.ndim or not (np.isfinite(number) and number >= 0):
        raise ValueError(f"Got {name}={value!r}; need one finite number of at least 0. Call once per value.")
    return float(number)
