"""Shares of dead, linear and bent units, exact: on an interval, on a ball, on Gaussian samples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, sqrt

import numpy as np
from scipy.integrate import quad
from scipy.special import erf, log_ndtr

from trainability.theory.elbows.laws import Constant, Law, Normal, Uniform, check_weight
from trainability.theory.elbows.position import Distance, Elbow


@dataclass(frozen=True)
class Shares:
    """Probabilities that a random unit is dead, linear or bent on some inputs; they add up to 1.

    Args:
        dead: w . x + b <= 0 on all of them.
        linear: w . x + b >= 0 on all of them.
        bent: neither.
    """

    dead: float
    linear: float
    bent: float


def interval_shares(weight: Normal | Uniform, bias: Law, lo: float, hi: float) -> Shares:
    """The shares of units relu(w x + b) that are dead, linear and bent for x in [lo, hi].

        bent = P(lo < C < hi);  for a random bias dead = linear = (1 - bent)/2

    Two standard normals on [-R, R]: dead = linear = atan(1/R)/pi, a quarter each at R = 1. A constant bias b > 0 on an
    interval that holds 0 leaves no unit dead, b < 0 none linear.

    Args:
        weight: Normal or Uniform.
        bias: Normal, Uniform or Constant.
        lo: lower end of the inputs.
        hi: upper end, above lo.

    Returns:
        Shares.

    Raises:
        ValueError: an empty or infinite interval, or a weight that is not random.

    Source:
        derived here.

    >>> shares = interval_shares(Normal(1.0), Normal(1.0), -2.0, 2.0)
    >>> round(shares.dead, 4), round(shares.linear, 4), round(shares.bent, 4)
    (0.1476, 0.1476, 0.7048)
    """
    check_weight(weight)
    if not (isfinite(lo) and isfinite(hi) and lo < hi):
        raise ValueError(f"Got lo={lo}, hi={hi}; need finite numbers with lo < hi.")
    if isinstance(bias, Constant):
        dead, linear = _off(weight, bias.value, lo, hi), _off(weight, -bias.value, lo, hi)
        return Shares(dead, linear, max(0.0, 1 - dead - linear))
    law = Elbow(weight, bias)
    bent = float(law.cdf(hi) - law.cdf(lo)) if lo < 0 else float(law.sf(lo) - law.sf(hi))
    rest = float(law.cdf(lo) + law.sf(hi)) / 2
    return Shares(rest, rest, bent)


def ball_shares(weight: Normal, bias: Law, *, dim: int, radius: float) -> Shares:
    """The shares of units relu(w . x + b) that are dead, linear and bent for all x with |x| <= radius.

        dead = P(-b/|w| >= radius),   linear = P(-b/|w| <= -radius)

    Args:
        weight: law of every entry of w.
        bias: Normal, Uniform or Constant.
        dim: of x, 1 or more.
        radius: above 0.

    Returns:
        Shares.

    Raises:
        ValueError: another weight law, a dimension below 1 or a radius not above 0.

    Source:
        derived here; see `Distance`.

    >>> round(ball_shares(Normal(1.0), Normal(1.0), dim=1, radius=1.0).dead, 12)
    0.25
    >>> round(ball_shares(Normal(1.0), Normal(1.0), dim=10, radius=1.0).dead, 6)
    0.00506
    """
    if not (isfinite(radius) and radius > 0):
        raise ValueError(f"Got radius={radius}; need a finite number above 0.")
    law = Distance(weight, bias, dim)
    dead, linear = float(law.sf(radius)), float(law.cdf(-radius))
    return Shares(dead, linear, 1 - dead - linear)


def gaussian_shares(weight: Normal, bias: Law, *, dim: int, samples: int, std: float = 1.0) -> Shares:
    """The expected shares of units that are dead, linear and bent on n samples x ~ N(0, std² I_d).

        dead = E Phi(T/std)^n = E P(T > std Z),   T = -b/|w|,  Z the largest of n standard normals

    Without a bias both are 2^(-n): on enough samples every unit bends.

    Args:
        weight: law of every entry of w.
        bias: Normal, Uniform or Constant.
        dim: of x, 1 or more.
        samples: n, 1 or more.
        std: of each input, above 0.

    Returns:
        Shares; absolute error below 1e-9.

    Raises:
        ValueError: another weight law, or a number out of range.

    Source:
        derived here.

    >>> shares = gaussian_shares(Normal(1.0), Normal(1.0), dim=1, samples=100)
    >>> round(shares.dead, 4), round(shares.linear, 4)
    (0.1235, 0.1235)
    """
    if samples < 1 or not (isfinite(std) and std > 0):
        raise ValueError(f"Got samples={samples}, std={std}; need samples >= 1 and a finite std above 0.")
    law = Distance(weight, bias, dim)
    if law.scale == 0:
        return Shares(0.5**samples, 0.5**samples, 1 - 2 * 0.5**samples)

    def density(z: float) -> float:
        """Of the largest of n standard normals."""
        return float(samples * np.exp((samples - 1) * log_ndtr(z) - z * z / 2) / sqrt(2 * np.pi))

    middle = sqrt(2 * np.log(samples))
    # Cuts where the largest normal is, and where T changes: all scales of the integrand are met.
    cuts = {-9.0, 0.0, max(0.0, middle - 2), middle, middle + 2, middle + 10}
    cuts |= {s * law.scale / std / sqrt(dim) * f for s in (-1, 1) for f in (0.1, 1.0, 10.0)}
    edges = sorted(c for c in cuts if -9.0 <= c <= middle + 10)
    found = []
    for chance in (lambda z: law.sf(std * z), lambda z: law.cdf(-std * z)):
        parts = (
            quad(lambda z: density(z) * float(chance(z)), a, b, limit=200, epsabs=1e-13, epsrel=1e-11)[0]  # noqa: B023
            for a, b in pairwise(edges)
        )
        found.append(float(sum(parts)))
    return Shares(found[0], found[1], 1 - found[0] - found[1])


def _off(weight: Normal | Uniform, b: float, lo: float, hi: float) -> float:
    """P(w x + b <= 0 for x in [lo, hi]): w lies between the bounds that the two ends set."""
    least, most = -inf, inf
    for x in (lo, hi):
        if x > 0:
            most = min(most, -b / x)
        elif x < 0:
            least = max(least, -b / x)
        elif b > 0:
            return 0.0
    return max(0.0, _weight_cdf(weight, most) - _weight_cdf(weight, least))


def _weight_cdf(weight: Normal | Uniform, x: float) -> float:
    if isinstance(weight, Normal):
        return float(1 + erf(x / weight.std / sqrt(2))) / 2
    return min(1.0, max(0.0, 0.5 + x / (2 * weight.bound)))
