"""The population gating function: what a sample of Gaussian inputs says on average through two open ReLU gates.

For a direction e and a vector w at angle t, per input x ~ N(0, I):

    F(e, w) = E 1{e.x > 0} 1{w.x > 0} (w.x) x = [ (pi - t) w + |w| sin t e/|e| ] / (2 pi)

The first part is the mass term (the share of inputs that both gates let through), the second the asymmetric one. All
population gradients of two-layer ReLU networks are sums of this function. Sums over N inputs are N times as large.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.theory.teacher_student.angle import angle, norm, unit
from trainability.theory.teacher_student.checks import above_zero, angles, directions, finite, whole

Floats = NDArray[np.float64]


def mass(e: ArrayLike, w: ArrayLike) -> Floats:
    """The mass term of the population gating function: along w, as large as the share of inputs both gates let through.

        (pi - t) w / (2 pi)

    Args:
        e: (..., d), the gate's direction; its length does not matter.
        w: (..., d).

    Returns:
        (..., d), per input.

    Raises:
        ValueError: a zero vector, a number that is not finite, or lengths d that differ.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 1 and Figure 2.

    >>> mass([0.0, 1.0], [2.0, 0.0]).tolist()
    [0.5, 0.0]
    """
    w = directions("w", w)
    return (angle(directions("e", e), -w) / (2 * np.pi))[..., None] * w


def asymmetric(e: ArrayLike, w: ArrayLike) -> Floats:
    """The asymmetric term of the population gating function: along e, zero when the two are parallel or opposite.

        |w| sin t e/|e| / (2 pi)

    Args:
        e: (..., d), the gate's direction; its length does not matter.
        w: (..., d).

    Returns:
        (..., d), per input.

    Raises:
        ValueError: as `mass`.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 1 and Figure 2.

    >>> (asymmetric([0.0, 1.0], [2.0, 0.0]) * np.pi).tolist()
    [0.0, 1.0]
    """
    e, w = directions("e", e), directions("w", w)
    return (norm(w) * np.sin(angle(e, w)) / (2 * np.pi))[..., None] * unit(e)


def population(e: ArrayLike, w: ArrayLike, second_moment: float = 1.0) -> Floats:
    """The population gating function F(e, w) per input, for Gaussian and for every other isotropic input.

        s [ (pi - t) w + |w| sin t e/|e| ] / (2 pi),   s = E|x|^2 / d

    Both gates depend on x's direction only, which for isotropic x is independent of its length; so the length enters
    as one factor s, and A(t) and B(t) of the source's Equation 7 are the Gaussian ones times s, whatever the
    distribution of the length.

    Args:
        e: (..., d), the gate's direction; its length does not matter.
        w: (..., d).
        second_moment: s, above 0; 1 for N(0, I), 1/d on the unit sphere, R^2/(d + 2) in a ball of radius R.

    Returns:
        (..., d), per input.

    Raises:
        ValueError: as `mass`; or a second moment that is not positive and finite.

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 1 (Equation 5); the statement on isotropic input is derived here.

    >>> population([1.0, 0.0], [3.0, 0.0]).tolist()
    [1.5, 0.0]
    """
    second_moment = above_zero("second_moment", second_moment, "It is E|x|^2/d: 1 for N(0, I).")
    return second_moment * (mass(e, w) + asymmetric(e, w))


def with_profiles(
    e: ArrayLike, w: ArrayLike, along_w: Callable[[Floats], ArrayLike], along_e: Callable[[Floats], ArrayLike]
) -> Floats:
    """The population gating function with other profiles of the angle than the Gaussian ones.

        A(t) w + |w| B(t) e/|e|

    Args:
        e: (..., d), the gate's direction; its length does not matter.
        w: (..., d).
        along_w: A, a function of the angle (...) in [0, pi]. Per input: A(0) = 1/2 for unit variance, A(pi) = 0.
        along_e: B, likewise; B(0) = B(pi) = 0.

    Returns:
        (..., d), per input.

    Raises:
        ValueError: as `mass`.

    Source:
        Tian 2017, arXiv 1703.00560, Equation 7. For truly isotropic input only multiples of the Gaussian profiles
        occur (see `population`).

    >>> F = with_profiles([0.0, 1.0], [2.0, 0.0], lambda t: (np.pi - t) / (2 * np.pi), lambda t: np.sin(t) / (2 * np.pi))
    >>> bool(np.allclose(F, population([0.0, 1.0], [2.0, 0.0])))
    True
    """
    e, w = directions("e", e), directions("w", w)
    t, e = angle(e, w), unit(e)
    return np.asarray(along_w(t), float)[..., None] * w + (norm(w) * np.asarray(along_e(t), float))[..., None] * e


def sampled(e: ArrayLike, w: ArrayLike, inputs: ArrayLike) -> Floats:
    """The gating function of a sample, per input.

        X' D(e) D(w) X w / N

    Args:
        e: (d,), the gate's direction.
        w: (d,).
        inputs: X, (N, d) with N >= 1.

    Returns:
        (d,).

    Raises:
        ValueError: shapes that do not fit, a zero vector, or no inputs.

    Source:
        Tian 2017, arXiv 1703.00560, where it is N times as large.

    >>> sampled([1.0, 0.0], [0.0, 1.0], [[1.0, 2.0], [-1.0, 2.0]]).tolist()
    [1.0, 2.0]
    """
    X, e, w = finite("inputs", inputs), directions("e", e), directions("w", w)
    if X.ndim != 2 or e.shape != w.shape or X.shape[1:] != w.shape or not len(X):
        raise ValueError(
            f"Got inputs {X.shape} for e {e.shape} and w {w.shape}; need inputs (N, d), e (d,), w (d,), N >= 1. "
            "Give one input a row."
        )
    reach = X @ w
    return X.T @ np.where((X @ e > 0) & (reach > 0), reach, 0.0) / len(X)


def relative_error(t: ArrayLike, d: int, samples: int) -> Floats:
    """How far a sample's gating function lies from the population's: exact root mean square, relative.

        sqrt( E|F_N - F|^2 / |F|^2 ) = sqrt( ((d + 2) A/f - 1) / N ),   p = pi - t
        A = (p + sin t cos t)/(2 pi),   f = ( (p + sin t cos t)^2 + sin^4 t )/(4 pi^2)

    sqrt((2d + 3)/N) at t = 0; as p -> 0 it grows like sqrt(4 pi (d + 2)/(3 p N)). The source divides by the random
    |F_N| in place of |F|: the same once the error is far below 1, but heavy-tailed near t = pi.

    Args:
        t: angle in [0, pi], radian; any shape.
        d: dimension of the inputs, 1 or more (with d = 1 only the angles 0 and pi exist).
        samples: N, number of inputs, 1 or more.

    Returns:
        Same shape as t; infinite at t = pi, where the population's value is 0.

    Raises:
        ValueError: an angle outside [0, pi], d or samples below 1.

    Source:
        Derived here, for Figure 7 of Tian 2017, arXiv 1703.00560, which shows it by simulation.

    >>> float(relative_error(0.0, d=10, samples=23))
    1.0
    """
    t, d = angles("t", t), whole("d", d, 1, "Count the inputs' coordinates.")
    samples = whole("samples", samples, 1, "Count the inputs.")
    p = np.pi - t
    z = 2 * p
    # p - sin p cos p = (z - sin z)/2, by its series where that cancels
    series = z**3 * np.polyval([1 / 6227020800, -1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6], z * z) * -1
    a = np.where(z < 0.5, series, z - np.sin(z)) / 2
    f = a * a + np.sin(p) ** 4
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(p > 0, 2 * np.pi * a / f, np.inf)
    return np.sqrt(((d + 2) * ratio - 1) / samples)
