"""The bivariate normal distribution function, from Owen's T."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, owens_t

from trainability.theory.teacher_student.checks import angles, broadcast, finite

Array = NDArray[np.float64]


def bivariate_cdf(h: ArrayLike, k: ArrayLike, t: ArrayLike) -> Array:
    """The probability that two standard normal numbers with correlation cos t are below h and k.

        Phi2(h, k) = [Phi(h) + Phi(k)]/2 - T(h, (k - r h)/(h s)) - T(k, (h - r k)/(k s)) - [h k < 0]/2
        r = cos t,  s = sin t

    The angle and not the correlation is the argument, so that nothing is lost near correlation 1 and -1.

    Args:
        h, k: limits, any finite numbers; shapes broadcast with that of t.
        t: the angle, in [0, pi], radians.

    Returns:
        Probabilities in [0, 1], absolute error about 1e-16.

    Raises:
        ValueError: for a number that is not finite or an angle outside [0, pi].

    Source:
        Owen 1956, "Tables for computing bivariate normal probabilities", Ann. Math. Stat. 27, 1075-1090.

    >>> float(bivariate_cdf(0.0, 0.0, np.pi / 3).round(12))  # an orthant: (pi - t) / (2 pi)
    0.333333333333
    """
    h, k, t = finite("h", h), finite("k", k), angles("t", t)
    broadcast(h.shape, k.shape, t.shape)
    above, below = conditional_limits(h, k, t, np.pi - t)
    return phi2(h, k, above, below, np.pi - t)


def conditional_limits(h: Array, k: Array, t: Array, delta: Array) -> tuple[Array, Array]:
    """((k - r h)/s, (h - r k)/s): each limit, standardised, once the other number is known to be at its own.

    Args:
        h, k: limits.
        t, delta: the angle and pi - t, each accurate, so that no digit is lost near either end.

    Returns:
        Two arrays; infinite where s = 0 and the limits differ, 0 where they agree.
    """
    near = t <= delta
    small = np.minimum(t, delta)
    turn, s = 2.0 * np.sin(small / 2.0) ** 2, np.sin(small)
    sign = np.where(near, 1.0, -1.0)
    # k - r h = (k - h) + h (1 - r) near t = 0, (k + h) - h (1 + r) near t = pi
    return tuple(_ratio((y - sign * x) + sign * x * turn, s) for x, y in ((h, k), (k, h)))  # type: ignore[return-value]


def _ratio(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(top == 0.0, 0.0, top / bottom)


def phi2(h: Array, k: Array, above: Array, below: Array, delta: Array) -> Array:
    """The distribution function from the limits, their conditional limits, and pi minus the angle."""
    orthant = (np.abs(h) < 1e-200) & (np.abs(k) < 1e-200)
    # T(0, a) is the limit from the right; a limit of 0 moved to 1e-200 changes no digit of the probability
    h, k = (np.where(np.abs(x) < 1e-200, 1e-200, x) for x in (h, k))
    tails = _owen(h, _ratio(above, h)) + _owen(k, _ratio(below, k))
    share = np.clip(0.5 * (ndtr(h) + ndtr(k)) - tails - 0.5 * ((h < 0) != (k < 0)), 0.0, 1.0)
    return np.where(orthant, delta / (2.0 * np.pi), share)


def _owen(h: Array, a: Array) -> Array:
    return owens_t(h, np.clip(a, -1e300, 1e300))
