"""The angle between two vectors, to full precision at both ends.

arccos of the cosine loses half the digits near 0 and near pi: a change of 1e-16 in the cosine moves the angle by
1e-8. Kahan's form takes the angle from the difference and the sum of the unit vectors and loses nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.checks import directions, fitting

Array = NDArray[np.float64]


def angle(w: ArrayLike, v: ArrayLike) -> Array:
    """The angle between w and v, to a few units in the last place of the angle for nearby vectors too.

        t = 2 atan2( |u - q|, |u + q| ),   u = w / |w|,   q = v / |v|

    Args:
        w: vectors along the last axis, shape (..., d), none of them 0.
        v: the same; leading dimensions broadcast against those of w.

    Returns:
        Angles in [0, pi], in radians, shape of the broadcast leading dimensions.

    Raises:
        ValueError: for a vector that is 0 or not finite, or lengths d that differ.

    Source:
        Kahan 2006, "How futile are mindless assessments of roundoff in floating-point computation?", the part
        "Mangled angles".

    >>> float(angle([1.0, 0.0], [1.0, 1e-12]))
    1e-12
    """
    u, q = unit(directions("w", w)), unit(directions("v", v))
    fitting(u, q)
    return 2.0 * np.arctan2(norm(u - q), norm(u + q))


def norm(x: Array) -> Array:
    """Length of the vectors along the last axis."""
    return np.sqrt(np.einsum("...d,...d->...", x, x))


def unit(x: Array) -> Array:
    """The vectors along the last axis, scaled to length 1; a zero vector stays 0."""
    peak = np.abs(x).max(axis=-1, keepdims=True)
    scaled = x / np.where(peak > 0, peak, 1.0)
    length = norm(scaled)[..., None]
    return scaled / np.where(length > 0, length, 1.0)


# Between these cosines arccos is as good as Kahan's form: its error is that of the cosine divided by sin t >= 0.6.
_SAFE_COSINE = 0.8


def angle_table(u: Array, q: Array, needed: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
    """Every angle t between rows of u and rows of q, and pi - t, each accurate relative to itself.

        t = arccos(u . q) where |u . q| <= 0.8, Kahan's form elsewhere

    Args:
        u: unit rows, shape (..., k, d).
        q: unit rows, shape (..., n, d) with the same leading dimensions.
        needed: (k, n), False for pairs whose angle may stay inaccurate; all when None.

    Returns:
        (t, pi - t), both of shape (..., k, n).
    """
    cosine = u @ np.swapaxes(q, -1, -2)
    t = np.arccos(np.clip(cosine, -1.0, 1.0))
    delta = np.pi - t
    close = np.abs(cosine) > _SAFE_COSINE
    near = np.nonzero(close if needed is None else close & needed)
    if near[0].size:
        x = u[near[:-1]]
        y = q[(*near[:-2], near[-1])]
        apart, along = norm(x - y), norm(x + y)
        t[near] = 2.0 * np.arctan2(apart, along)
        delta[near] = 2.0 * np.arctan2(along, apart)
    return t, delta
