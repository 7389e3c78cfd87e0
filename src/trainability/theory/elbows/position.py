"""The law of a unit's corner in one dimension, and of its hyperplane's distance from the origin in any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, lgamma, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfc, erfinv, gammainc, stdtr, stdtrit

from trainability.theory.elbows.laws import Constant, Law, Normal, Uniform, check_weight

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Elbow:
    """The law of the corner C = -b/w of relu(w x + b), w and b independent; symmetric about 0.

    With t = |C|/scale, P(C > c) and the density of C (times the scale) for c > 0:

        w         b         scale        P(C > c)                                             density · scale
        N(0,s²)   N(0,u²)   u/s          atan(1/t)/pi                                         1/(pi (1 + t²))
        U(+-m)    U(+-v)    v/m          1/2 - t/4 (t < 1), 1/(4 t)                           1/4 (t < 1), 1/(4 t²)
        U(+-m)    N(0,u²)   u/m          erfc(t/sqrt 2)/2 + (1 - exp(-t²/2))/(t sqrt(2 pi))   (1 - exp(-t²/2))/(t² sqrt(2 pi))
        N(0,s²)   U(+-v)    v/s          with q = 1/t: erf(q/sqrt 2)/2 - (1 - exp(-q²/2))/(q sqrt(2 pi))
                                                                                              (1 - exp(-q²/2))/sqrt(2 pi)
        N(0,s²)   b         |b|/s        erf(q/sqrt 2)/2                                      q² exp(-q²/2)/sqrt(2 pi)
        U(+-m)    b         |b|/m        min(1, q)/2                                          0 (t < 1), 1/(2 t²)

    The first is the Cauchy law. All but b = 0 (C = 0 always) have tails like 1/c², so that C has no mean: its positive and
    its negative part are both infinite.

    Args:
        weight: Normal or Uniform.
        bias: Normal, Uniform or Constant.

    Raises:
        ValueError: a weight that is not random.

    Source:
        quotients of independent variables, derived here.

    >>> law = Elbow(Normal(1.0), Normal(1.0))
    >>> law.beyond(1.0), [round(law.quantile(p), 12) for p in (0.25, 0.5, 0.75)]
    (0.5, [-1.0, 0.0, 1.0])
    """

    weight: Normal | Uniform
    bias: Law

    def __post_init__(self) -> None:
        check_weight(self.weight)

    @property
    def scale(self) -> float:
        """Size of the bias over size of the weight: std, bound or |value|."""
        sizes = [abs(x.value) if isinstance(x, Constant) else _size(x) for x in (self.bias, self.weight)]
        return sizes[0] / sizes[1]

    @property
    def tail(self) -> float:
        """The k in density ~ k/c² and P(|C| > R) ~ 2 k/R for large R: density of w at 0 times E |b|."""
        at_zero = (1 / sqrt(2 * pi) if isinstance(self.weight, Normal) else 0.5) / _size(self.weight)
        if isinstance(self.bias, Constant):
            return at_zero * abs(self.bias.value)
        return at_zero * _size(self.bias) * (sqrt(2 / pi) if isinstance(self.bias, Normal) else 0.5)

    def sf(self, c: ArrayLike) -> Array:
        """P(C > c), with full relative accuracy in the right tail."""
        x = np.asarray(c, float)
        if self.scale == 0:
            return np.where(x < 0, 1.0, 0.0)
        t = np.abs(x) / self.scale
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            upper = np.where(t == 0, 0.5, self._upper(t))
        return np.where(x >= 0, upper, 1 - upper)

    def cdf(self, c: ArrayLike) -> Array:
        """P(C <= c)."""
        if self.scale == 0:
            return 1 - self.sf(c)
        return self.sf(-np.asarray(c, float))

    def beyond(self, radius: float) -> float:
        """P(|C| > radius), radius 0 or more: the share of corners outside [-radius, radius]."""
        if not radius >= 0:
            raise ValueError(f"Got radius={radius}; need 0 or more.")
        return float(2 * self.sf(radius))

    def pdf(self, c: ArrayLike) -> Array:
        """Density at c; for a bias of 0 it is infinite at 0."""
        x = np.asarray(c, float)
        if self.scale == 0:
            return np.where(x == 0, inf, 0.0)
        t = np.abs(x) / self.scale
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray(np.nan_to_num(self._density(t), nan=0.0) / self.scale)

    def quantile(self, share: float) -> float:
        """The c with P(C <= c) = share; 0 at share 1/2."""
        if not 0 < share < 1:
            raise ValueError(f"Got share={share}; need 0 < share < 1.")
        tail = min(share, 1 - share)
        sign = 1.0 if share > 0.5 else -1.0
        if tail == 0.5 or self.scale == 0:
            return 0.0
        kinds = type(self.weight), type(self.bias)
        if kinds == (Normal, Normal):
            t = float(1 / np.tan(pi * tail))
        elif kinds == (Uniform, Uniform):
            t = 1 / (4 * tail) if tail < 0.25 else 2 - 4 * tail
        elif kinds == (Normal, Constant):
            t = float(1 / (sqrt(2) * erfinv(2 * tail)))
        elif kinds == (Uniform, Constant):
            t = 1 / (2 * tail)
        else:
            t = _solve(lambda t: float(self.sf(t * self.scale)), tail)
        return sign * t * self.scale

    def _upper(self, t: Array) -> Array:
        """P(C > t scale), t > 0."""
        q = 1 / t
        kinds = type(self.weight), type(self.bias)
        if kinds == (Normal, Normal):
            return np.arctan(q) / pi
        if kinds == (Uniform, Uniform):
            return np.where(t < 1, 0.5 - t / 4, q / 4)
        if kinds == (Uniform, Normal):
            return erfc(t / sqrt(2)) / 2 - np.expm1(-t * t / 2) * q / sqrt(2 * pi)
        if kinds == (Normal, Uniform):
            far = q / sqrt(8 * pi)
            return np.where(q < 1e-6, far, erf(q / sqrt(2)) / 2 + np.expm1(-q * q / 2) * t / sqrt(2 * pi))
        if kinds == (Normal, Constant):
            return erf(q / sqrt(2)) / 2
        return np.minimum(q, 1.0) / 2

    def _density(self, t: Array) -> Array:
        q = 1 / t
        kinds = type(self.weight), type(self.bias)
        if kinds == (Normal, Normal):
            return 1 / (pi * (1 + t * t))
        if kinds == (Uniform, Uniform):
            return np.where(t < 1, 0.25, q * q / 4)
        if kinds == (Uniform, Normal):
            return np.where(t < 1e-6, 0.5, -np.expm1(-t * t / 2) * q * q) / sqrt(2 * pi)
        if kinds == (Normal, Uniform):
            return -np.expm1(-q * q / 2) / sqrt(2 * pi)
        if kinds == (Normal, Constant):
            return q * q * np.exp(-q * q / 2) / sqrt(2 * pi)
        return np.where(t < 1, 0.0, q * q / 2)


@dataclass(frozen=True)
class Distance:
    """The law of T = -b/|w|, the signed distance at which a unit w . x + b in d dimensions switches on.

    Along w/|w| the unit is off below T and on above. With w ~ N(0, s² I_d), F_d the distribution function of chi_d:

        b ~ N(0, u²)   sqrt(d) T s/u is Student's t with d degrees of freedom (Cauchy for d = 1)
        b ~ U(+-v)     P(T > t) = [ F_d(q) - m F_{d+1}(q)/q ]/2,  q = v/(s t),  m = sqrt(2) Gamma((d+1)/2)/Gamma(d/2)
        b < 0          P(T > t) = F_d( |b|/(s t) )                                        (t > 0; b > 0 mirrored)

    Args:
        weight: law of every entry of w; Normal, as only then the direction of w does not matter.
        bias: Normal, Uniform or Constant.
        dim: d, 1 or more.

    Raises:
        ValueError: another weight law, or a dimension below 1.

    Source:
        derived here.

    >>> law = Distance(Normal(0.3), Normal(0.3), dim=10)
    >>> round(float(law.sf(1.0)), 6)
    0.00506
    """

    weight: Normal
    bias: Law
    dim: int

    def __post_init__(self) -> None:
        if not isinstance(self.weight, Normal):
            raise ValueError(f"Got weight={self.weight!r}; need Normal(std). For others draw units with `data_shares`.")
        if self.dim < 1:
            raise ValueError(f"Got dim={self.dim}; need 1 or more.")

    @property
    def scale(self) -> float:
        """Size of the bias over size of a weight: std, bound or |value|."""
        return Elbow(self.weight, self.bias).scale

    def sf(self, t: ArrayLike) -> Array:
        """P(T > t)."""
        x = np.asarray(t, float)
        d, r = self.dim, self.scale
        if r == 0:
            return np.where(x < 0, 1.0, 0.0)
        if isinstance(self.bias, Normal):
            return np.asarray(stdtr(d, -x * sqrt(d) / r))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            q = r / np.abs(x)
            inside = gammainc(d / 2, q * q / 2)
            if isinstance(self.bias, Constant):
                positive = self.bias.value < 0  # of T
                return np.where((x > 0) == positive, inside if positive else 1 - inside, 1.0 if positive else 0.0)
            m = sqrt(2) * np.exp(lgamma((d + 1) / 2) - lgamma(d / 2))
            upper = np.where(x == 0, 0.5, (inside - m * gammainc((d + 1) / 2, q * q / 2) / q) / 2)
        return np.where(x >= 0, upper, 1 - upper)

    def cdf(self, t: ArrayLike) -> Array:
        """P(T <= t)."""
        x = np.asarray(t, float)
        if isinstance(self.bias, Constant):
            return 1 - self.sf(x)
        return self.sf(-x)

    def quantile(self, share: float) -> float:
        """The t with P(T <= t) = share."""
        if not 0 < share < 1:
            raise ValueError(f"Got share={share}; need 0 < share < 1.")
        if self.scale == 0:
            return 0.0
        if isinstance(self.bias, Normal):
            return float(stdtrit(self.dim, share)) * self.scale / sqrt(self.dim)
        if isinstance(self.bias, Constant):
            if self.bias.value < 0:  # all of T above 0
                return _solve(lambda t: float(self.sf(t)), 1 - share)
            return -_solve(lambda t: float(self.cdf(-t)), share)
        tail = min(share, 1 - share)
        return 0.0 if tail == 0.5 else _solve(lambda t: float(self.sf(t)), tail) * (1.0 if share > 0.5 else -1.0)


def _size(law: Law) -> float:
    if isinstance(law, Constant):
        return abs(law.value)
    return law.std if isinstance(law, Normal) else law.bound


def _solve(falling: Callable[[float], float], value: float) -> float:
    """The t > 0 at which a falling function has that value, by bisection of log t."""
    low, high = -700.0, 700.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(float(np.exp(middle))) > value else (low, middle)
    return float(np.exp((low + high) / 2))
