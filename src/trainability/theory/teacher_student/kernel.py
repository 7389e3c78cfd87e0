"""What two ReLU neurons have in common under Gaussian input: the arc-cosine kernels."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.angle import angle, norm
from trainability.theory.teacher_student.checks import angles, directions, leak

Array = NDArray[np.float64]

# sin x - x cos x = sum_n (-1)^(n+1) 2n x^(2n+1)/(2n+1)!: ten terms leave 1e-20 of it at x = 1, where the closed form
# still loses a factor 3 of the last place (and 3/x^2 of it below).
_SERIES = 1.0
_TERMS = tuple((-1) ** (n + 1) * 2 * n / factorial(2 * n + 1) for n in range(10, 0, -1))


def normalised_kernel(t: ArrayLike) -> Array:
    """The function h of the angle that carries the whole ReLU kernel, pi at 0 and falling to 0 at pi.

        h(t) = (pi - t) cos t + sin t;   h(0) = pi, h(pi/2) = 1, h(pi) = 0

    Args:
        t: angles in [0, pi], radians, any shape. Where pi - t matters to all its digits, use `kernel`.

    Returns:
        h(t), shape of t.

    Raises:
        ValueError: for an angle outside [0, pi].

    Source:
        Cho and Saul 2009, "Kernel methods for deep learning", eq. 6 (J_1).

    >>> normalised_kernel([0.0, np.pi / 2, np.pi]).round(12).tolist()
    [3.14159265359, 1.0, 0.0]
    """
    t = angles("t", t)
    return h_of(t, np.pi - t)


def kernel(w: ArrayLike, v: ArrayLike, slope: float = 0.0) -> Array:
    """The mean of the product of two ReLUs under standard Gaussian input.

        E relu(w . x) relu(v . x) = |w| |v| h(t) / (2 pi),   with slope s: (1 - s)^2 of that, + s w . v

    Args:
        w: vectors along the last axis, shape (..., d), none of them 0.
        v: the same; leading dimensions broadcast.
        slope: s, of the leaky ReLU for negative input; both neurons have it.

    Returns:
        The kernel, shape of the broadcast leading dimensions, at full relative accuracy up to t = pi.

    Raises:
        ValueError: for a vector that is 0 or not finite, or lengths d that differ.

    Source:
        Cho and Saul 2009, eq. 3 and 6 with n = 1; h is Tian 2017's, arXiv 1703.00560.

    >>> float(kernel([2.0, 0.0], [2.0, 0.0]))  # E relu(2x)^2 = 4 / 2
    2.0
    """
    w, v, slope = directions("w", w), directions("v", v), leak(slope)
    t, delta = angle(w, v), angle(w, -v)
    relu = norm(w) * norm(v) * h_of(t, delta) / (2.0 * np.pi)
    return (1.0 - slope) ** 2 * relu + slope * np.einsum("...d,...d->...", w, v) if slope else relu


def gate_kernel(w: ArrayLike, v: ArrayLike) -> Array:
    """The share of standard Gaussian inputs for which both neurons are on.

        P( w . x > 0 and v . x > 0 ) = (pi - t) / (2 pi)

    Args:
        w: vectors along the last axis, shape (..., d), none of them 0.
        v: the same; leading dimensions broadcast.

    Returns:
        Shares in [0, 1/2], shape of the broadcast leading dimensions.

    Raises:
        ValueError: for a vector that is 0 or not finite, or lengths d that differ.

    Source:
        Cho and Saul 2009, eq. 3 and 5 with n = 0.

    >>> float(gate_kernel([1.0, 0.0], [0.0, 1.0]))
    0.25
    """
    return angle(w, -directions("v", v)) / (2.0 * np.pi)


def h_of(t: Array, delta: Array) -> Array:
    """The function h from t and delta = pi - t, both accurate: h = sin(delta) - delta cos(delta)."""
    return lag(delta)


def lag(x: Array) -> Array:
    """sin x - x cos x = x^3/3 - x^5/30 + x^7/840 - ..., to full relative accuracy from 0 to pi."""
    x2 = x * x
    series = np.zeros_like(x2)
    for term in _TERMS:
        series = series * x2 + term
    return np.where(x < _SERIES, x * x2 * series, np.sin(x) - x * np.cos(x))
