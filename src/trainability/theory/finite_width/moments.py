"""Exact moments of the size of a signal or a gradient in a random ReLU net of finite width."""

from __future__ import annotations

from collections.abc import Sequence
from math import expm1, fsum, inf, isfinite, log1p

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.finite_width._layers import Layer, PerLayer, layers


def beta(widths: Sequence[int]) -> float:
    """The sum of reciprocal widths, which decides how much the size of a signal differs from net to net.

        beta = sum_l 1/n_l;   E (M_L/M_0)² <= exp(5 beta) for He and ReLU

    Args:
        widths: n_1..n_L, each 1 or more.

    Returns:
        beta, above 0.

    Raises:
        ValueError: no widths, or one below 1.

    Source:
        Hanin and Rolnick 2018, arXiv 1803.01719, abstract; Hanin 2018, arXiv 1801.03744, abstract.

    >>> beta([10] * 5)
    0.5
    """
    return fsum(1 / layer.width for layer in layers(widths, 0.0, None))


def dead_probability(widths: Sequence[int]) -> float:
    """The probability that one given input other than 0 is mapped to 0 by a random ReLU net without biases.

        P(M_L = 0) = 1 - prod_l (1 - 2^(-n_l))

    It holds for every weight law that is symmetric about 0 and has a density.

    Args:
        widths: n_1..n_L of the ReLU layers, each 1 or more.

    Returns:
        The probability, with full relative accuracy where it is small.

    Raises:
        ValueError: no widths, or one below 1.

    Source:
        Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733.

    >>> round(dead_probability([2] * 9), 4)
    0.9249
    """
    alive = [2.0 ** -min(layer.width, 1074) for layer in layers(widths, 0.0, None)]
    return 1.0 if 1.0 in alive else -expm1(fsum(log1p(-p) for p in alive))


def concentration(x: ArrayLike) -> float:
    """How much of a vector sits in few entries: 1/n for equal sizes, 1 for a single entry.

        sum x_i⁴ / (sum x_i²)²

    Args:
        x: (n,), not all 0.

    Returns:
        A number in [1/n, 1].

    Raises:
        ValueError: not one vector, not finite, or all 0.

    >>> concentration([1.0, -1.0, 1.0, 1.0])
    0.25
    """
    v = np.asarray(x, float)
    if v.ndim != 1 or not np.isfinite(v).all() or not v.any():
        raise ValueError(f"Got an array of shape {v.shape}; need one finite vector (n,) that is not 0.")
    squares = (v / np.abs(v).max()) ** 2
    return float((squares**2).sum() / squares.sum() ** 2)


def mean(widths: Sequence[int], *, negative_slope: PerLayer = 0.0, gain: PerLayer | None = None) -> float:
    """The mean of M_L/M_0: it depends on the gains alone.

        E M_L/M_0 = prod_l gain_l² (1 + s_l²)/2

    Args:
        widths: n_1..n_L.
        negative_slope: s below 0, one number or one per layer; 1 for a linear layer.
        gain: std · sqrt(fan_in), one number or one per layer; None for sqrt(2/(1 + s²)), which gives 1.

    Returns:
        The mean over nets; all weight laws with mean 0 that are symmetric have the same.

    Raises:
        ValueError: an empty or impossible net.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2.

    >>> round(mean([30] * 20, gain=1.0) * 2**20, 12)
    1.0
    """
    return float(np.prod([_half(layer, 1) * layer.gain**2 for layer in layers(widths, negative_slope, gain)]))


def second_moment(
    widths: Sequence[int],
    *,
    negative_slope: PerLayer = 0.0,
    gain: PerLayer | None = None,
    excess_kurtosis: float = 0.0,
    concentration: float | None = None,
) -> float:
    """The second moment of M_L/M_0, exact at every width and for every weight law symmetric about 0.

        Gaussian, He, ReLU:  E (M_L/M_0)² = prod_l (1 + 5/n_l)
        Gaussian:            prod_l gain_l⁴ [ h2² + (3 h4 - h2²)/n_l ],   h2 = (1 + s²)/2,  h4 = (1 + s⁴)/2

    Other laws enter by their excess kurtosis k (uniform -6/5, Gaussian 0, signs -2), with F_l = E mean(x_l⁴):

        F_l    = h4 gain⁴ ( 3 E M_{l-1}² + k F_{l-1}/n_{l-1} )
        E M_l² = F_l/n_l + (1 - 1/n_l) h2² gain⁴ E M_{l-1}²

    so that the input matters by its concentration F_0/(n_0 M_0²) = sum x⁴/(sum x²)² (for a Jacobian: that of u; a law
    with atoms, such as signs, then has a slightly smaller moment, since w . x may be 0).

    Args:
        widths: n_1..n_L (not the input's).
        negative_slope: s below 0, one number or one per layer; 1 for a linear layer, such as the last.
        gain: std · sqrt(fan_in), one number or one per layer; None for sqrt(2/(1 + s²)), which keeps the mean at 1.
        excess_kurtosis: E w⁴/(E w²)² - 3 of a weight, -2 or more.
        concentration: of the input, in (0, 1]; needed where the excess kurtosis is not 0. See `concentration`.

    Returns:
        E (M_L/M_0)², at least the square of the mean.

    Raises:
        ValueError: an empty or impossible net, a kurtosis below -2, a concentration that is missing or outside (0, 1].

    Source:
        Hanin 2018, arXiv 1801.03744, for its growth with beta; the constants, the slopes and the kurtosis recursion are
        derived here.

    >>> round(second_moment([10] * 5), 3), round(second_moment([20] * 20), 1), round(second_moment([100] * 20), 3)
    (7.594, 86.7, 2.653)
    >>> round(second_moment([10] * 5, excess_kurtosis=-1.2, concentration=0.1), 3)
    5.857
    """
    net = layers(widths, negative_slope, gain)
    if not excess_kurtosis >= -2 or not isfinite(excess_kurtosis):
        raise ValueError(f"Got excess_kurtosis={excess_kurtosis}; need -2 or more: 0 for normal, -1.2 for uniform.")
    if concentration is None and excess_kurtosis == 0:
        concentration = 1.0
    if concentration is None or not 0 < concentration <= 1:
        raise ValueError(
            f"Got concentration={concentration} with excess_kurtosis={excess_kurtosis}; need sum x⁴/(sum x²)² of the "
            "input, in (0, 1]. Compute it with `concentration(x)`, or give 1/n_0 for an input of n_0 equal sizes."
        )
    square, lumped = 1.0, concentration  # E M², F/n
    for layer in net:
        g4 = layer.gain**4
        fourth = _half(layer, 2) * g4 * (3 * square + excess_kurtosis * lumped)
        square = fourth / layer.width + (1 - 1 / layer.width) * _half(layer, 1) ** 2 * g4 * square
        lumped = fourth / layer.width
    return square


def moment(widths: Sequence[int], order: int, *, negative_slope: PerLayer = 0.0, gain: PerLayer | None = None) -> float:
    """A moment of M_L/M_0 of any whole order, for Gaussian weights.

        E (M_L/M_0)^p = prod_l gain^(2p) n^(-p) E ( sum_i phi(g_i)² )^p,   E phi(g)^(2j) = (2j - 1)!! (1 + s^(2j))/2

    The moment of the sum is p! times a coefficient of the n-th power of a power series. Divide by
    1 - `dead_probability` for the mean over nets that are not dead at x.

    Args:
        widths: n_1..n_L.
        order: p, a whole number, 0 or more.
        negative_slope: s below 0, one number or one per layer.
        gain: std · sqrt(fan_in), one number or one per layer; None keeps the mean at 1.

    Returns:
        The moment; inf where it does not fit a float.

    Raises:
        ValueError: an impossible net or order.

    Source:
        derived here; the power of a power series by J. C. P. Miller's recursion.

    >>> round(moment([10] * 5, 2), 3), round(moment([10] * 5, 4))
    (7.594, 17639)
    """
    if order < 0 or order != int(order):
        raise ValueError(f"Got order={order}; need a whole number, 0 or more.")
    with np.errstate(over="ignore"):
        return float(np.prod([_layer_moment(layer, int(order)) for layer in layers(widths, negative_slope, gain)]))


def samples_needed(
    widths: Sequence[int],
    relative_error: float = 0.1,
    order: int = 2,
    *,
    negative_slope: PerLayer = 0.0,
    gain: PerLayer | None = None,
) -> float:
    """How many nets a plain Monte Carlo estimate of a moment of M_L/M_0 needs for a given relative standard error.

        N = ( E M^(2p) / (E M^p)² - 1 ) / relative_error²

    Gaussian weights. N grows exponentially with beta: the second moment to 10 % takes 3e4 nets at beta = 0.5 (5 layers of
    width 10) and 9e11 at beta = 2 (20 layers of width 10). With fewer nets the estimate is too low in most tries, and its
    own standard error is too small as well: check large beta by `log_size`, never by plain Monte Carlo.

    Args:
        widths: n_1..n_L.
        relative_error: standard error over the moment, above 0.
        order: p, a whole number, 1 or more.
        negative_slope: s below 0, one number or one per layer.
        gain: std · sqrt(fan_in); does not change the answer.

    Returns:
        N as a float; inf where it does not fit one.

    Raises:
        ValueError: an impossible net, order or error.

    Source:
        derived here from `moment`.

    >>> f"{samples_needed([10] * 5):.1e}", f"{samples_needed([10] * 20):.1e}", f"{samples_needed([100] * 20):.1e}"
    ('3.0e+04', '8.8e+11', '3.9e+03')
    """
    if not relative_error > 0 or order < 1:
        raise ValueError(f"Got relative_error={relative_error}, order={order}; need an error above 0 and order >= 1.")
    ratio = 1.0
    for layer in layers(widths, negative_slope, gain):
        unit = layer._replace(gain=1.0)
        ratio *= _layer_moment(unit, 2 * order) / _layer_moment(unit, order) ** 2
    return (ratio - 1) / relative_error**2 if isfinite(ratio) else inf


def _half(layer: Layer, j: int) -> float:
    return float((1 + layer.slope ** (2 * j)) / 2)


def _layer_moment(layer: Layer, order: int) -> float:
    """E ( gain² mean_i phi(g_i)² )^order."""
    series = [1.0]  # E phi^(2j) / j!
    for j in range(1, order + 1):
        series.append(float(np.prod([(2 * i - 1) / i for i in range(1, j + 1)])) * _half(layer, j))
    power = [1.0]
    for m in range(1, order + 1):
        terms = (((layer.width + 1) * j - m) * series[j] * power[m - j] for j in range(1, m + 1))
        power.append(fsum(terms) / m)
    value = power[order]
    for i in range(1, order + 1):
        value *= i * layer.gain**2 / layer.width
    return value
