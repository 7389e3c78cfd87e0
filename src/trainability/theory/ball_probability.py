"""How often a random start falls where the single-ReLU theorem promises convergence: the ball |w - v| < |v|.

Lengths are in units of |v|. The start is uniform in a ball of radius r around 0, so the probability is the volume of
a lens over the volume of a ball. The lens is two caps, cut by the plane at distance r^2/2 from 0.

This is not the probability of success, which is 1 in two or more dimensions (`single_relu.success_probability`).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, betaln, gammaln, hyp2f1
from scipy.stats import ncx2

from trainability.theory.teacher_student.checks import above_zero, whole


def probability(d: int, radius: float) -> float:
    """The exact probability that a start uniform in a ball around 0 lies in the ball of the theorem.

        P = C(r/2) + r^-d C(1 - r^2/2) for r < 2, r^-d beyond;   C(c) = I_{1-c^2}((d+1)/2, 1/2)/2, C(-c) = 1 - C(c)

    with I the regularised incomplete beta function and C(c) the share of a unit ball beyond a plane at distance c.

    Args:
        d: dimension, 1 or more.
        radius: r, in units of the teacher's length, above 0.

    Returns:
        P in (0, 1/2], to about 1e-12 relative (d up to 1e4 tested).

    Raises:
        ValueError: d below 1 or a radius that is not positive and finite.

    Source:
        Tian 2017, arXiv 1703.00560, Section 6.1 and Figure 5; the exact value is derived here.

    >>> round(probability(2, radius(2, 0.1)), 5)
    0.48464
    >>> probability(20, 2.0) == 2.0**-20
    True
    """
    _check(d, radius)
    if radius >= 2:
        return float(radius) ** -d
    a, r = (d + 1) / 2, float(radius)
    x = r * r * (1 - r * r / 4)  # 1 - (1 - r^2/2)^2
    if r < 1:
        # r^-d I_x(a, 1/2) with its power of x taken out, so that nothing under- or overflows
        log_power = a * np.log1p(-r * r / 4) - np.log(a) - betaln(a, 0.5)
        far = r * np.exp(log_power) * hyp2f1(a, 0.5, a + 1, x) / 2
    else:
        share = betainc(a, 0.5, x) / 2
        far = r**-d * (share if r * r <= 2 else 1 - share)
    return float(betainc(a, 0.5, 1 - r * r / 4) / 2 + far)


def radius(d: int, epsilon: float) -> float:
    """The radius with which the source's theorem promises probability (1 - eps)/2.

        r = eps sqrt(2 pi/(d + 1))

    Args:
        d: dimension, 1 or more.
        epsilon: in (0, 1].

    Returns:
        r, in units of the teacher's length.

    Raises:
        ValueError: d below 1 or epsilon outside (0, 1].

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 6 (Equation 17).

    >>> round(radius(10, 0.3), 6)
    0.226733
    """
    whole("d", d, 1, "Count the inputs' coordinates.")
    if not 0 < epsilon <= 1:
        raise ValueError(f"Got epsilon={epsilon}; need 0 < epsilon <= 1. Try epsilon=0.1.")
    return float(epsilon * np.sqrt(2 * np.pi / (d + 1)))


def promised(epsilon: float) -> float:
    """What the source's theorem promises at its radius.

        (1 - eps)/2

    Args:
        epsilon: in (0, 1].

    Returns:
        The bound, in [0, 1/2).

    Raises:
        ValueError: epsilon outside (0, 1].

    Source:
        Tian 2017, arXiv 1703.00560, Theorem 6.

    >>> promised(0.5)
    0.25
    """
    radius(1, epsilon)
    return (1 - epsilon) / 2


def slab_bound(d: int, radius: float) -> float:
    """The bound inside the theorem's proof, before its constant is simplified: half the ball less a slab.

        P >= 1/2 - (r/2) V_{d-1}/V_d,   V_{d-1}/V_d = Gamma(d/2 + 1)/(sqrt(pi) Gamma((d + 1)/2)) <= sqrt((d + 1)/(2 pi))

    The slab is cut at the lens's plane r^2/2: of width r^2/2 and with the ball's largest section.

    Args:
        d: dimension, 1 or more.
        radius: r, in units of the teacher's length, above 0.

    Returns:
        The bound; negative where it says nothing.

    Raises:
        ValueError: as `probability`.

    Source:
        Tian 2017, arXiv 1703.00560, proof idea of Theorem 6 and Figure 5(b); reconstructed here.

    >>> slab_bound(10, radius(10, 0.3)) >= promised(0.3)
    True
    """
    _check(d, radius)
    ratio = np.exp(gammaln(d / 2 + 1) - gammaln((d + 1) / 2)) / np.sqrt(np.pi)
    return float(0.5 - radius / 2 * ratio)


def radius_for(d: int, wanted: float) -> float:
    """The largest radius with which the exact probability is still the one that is wanted.

        P(d, r) = wanted, solved for r

    Args:
        d: dimension, 1 or more.
        wanted: in (0, 1/2); for d = 1, where every r <= 2 gives 1/2, the answer lies beyond 2.

    Returns:
        r, in units of the teacher's length.

    Raises:
        ValueError: d below 1 or a probability outside (0, 1/2).

    Source:
        Derived here from `probability`.

    >>> round(probability(7, radius_for(7, 0.4)), 12)
    0.4
    """
    whole("d", d, 1, "Count the inputs' coordinates.")
    if not 0 < wanted < 0.5:
        raise ValueError(f"Got wanted={wanted}; need 0 < wanted < 1/2. No radius gives 1/2 or more.")
    if wanted <= 2.0**-d:
        return float(wanted ** (-1 / d))
    return float(brentq(lambda r: probability(d, r) - wanted, 1e-12, 2.0, xtol=1e-15, rtol=1e-14))


def normal_probability(d: int, std: float) -> float:
    """The probability that a start with independent normal entries lies in the ball of the theorem.

        P( |w - v| < |v| ) = P( chi'^2_d(1/std^2) < 1/std^2 ), a non-central chi-squared variable

    Args:
        d: dimension, 1 or more.
        std: of each entry, in units of the teacher's length, above 0.

    Returns:
        The probability.

    Raises:
        ValueError: d below 1 or a std that is not positive and finite.

    Source:
        Derived here. With the usual std = 1/sqrt(d) it vanishes as d grows, and still every start converges for
        d >= 2: Theorem 6 of Tian 2017, arXiv 1703.00560, does not explain that scale.

    >>> round(normal_probability(10, 10**-0.5), 4)
    0.0757
    """
    _check(d, std)
    return float(ncx2.cdf(std**-2, d, std**-2))


def entry_std(d: int, radius: float) -> float:
    """The standard deviation of one entry of a start uniform in a ball.

        r/sqrt(d + 2)

    With the theorem's radius this is O(eps/d), not the O(eps/sqrt d) of the source's abstract, which bounds |w|.

    Args:
        d: dimension, 1 or more.
        radius: r, above 0.

    Returns:
        The standard deviation, in r's unit.

    Raises:
        ValueError: as `probability`.

    Source:
        Second moment of the uniform distribution in a ball; on Tian 2017, arXiv 1703.00560, abstract and Theorem 6.

    >>> entry_std(2, 3.0)
    1.5
    """
    _check(d, radius)
    return float(radius / np.sqrt(d + 2))


def _check(d: int, length: float) -> None:
    whole("d", d, 1, "Count the inputs' coordinates.")
    above_zero("length", length, "Give it in units of the teacher's length.")
