"""Gaussian means of functions of one variable and of two correlated ones, exact to rounding across kinks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainability.errors import TrainabilityError
from trainability.theory.signal._numbers import Array
from trainability.theory.signal.activation import Activation

_REACH = 13.0
"""Standard deviations at which integrals are cut: the density there is 8e-38."""
_GRID = np.linspace(-_REACH, _REACH, 19)
_FINE = np.linspace(-_REACH, _REACH, 53)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_DENSITY = 1.0 / np.sqrt(2.0 * np.pi)
_SPREAD = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 5.5, 7.0, 9.0, 11.0, 13.0])
_ORDER = 512
_CHUNK = 600


class NotFiniteError(TrainabilityError, ValueError):
    """A Gaussian mean that is infinite or not a number."""


def gaussian_mean(
    activation: Activation,
    integrand: Callable[[Array, Array], Array],
    std: ArrayLike,
    mean: float = 0.0,
) -> Array:
    """The mean of integrand(u, z), u = mean + std z, z ~ N(0, 1), whose kinks in u are those of `activation`.

    Gauss-Legendre rules of 20 nodes on the panels that both the density (every 1.44 standard deviations up to 13) and
    the activation (its pieces) ask for. The relative error is about 1e-14 where the integrand is resolved by the
    pieces of the activation, as phi, phi' and their products are.

    Args:
        activation: whose pieces are used.
        integrand: function of u and z, elementwise, arrays of one shape.
        std: standard deviation above 0, any shape.
        mean: of u.

    Returns:
        One mean per `std`.

    Raises:
        NotFiniteError: for a mean that is not finite.

    >>> cube = Activation(lambda u: u**3)
    >>> float(gaussian_mean(cube, lambda u, z: u**6, 1.0).round(10))
    15.0
    """
    std = np.asarray(std, dtype=np.float64)
    flat = std.ravel()
    if not flat.size:
        return np.zeros(std.shape)
    breaks = activation.pieces(_REACH * float(flat.max()) + abs(mean)).breaks
    parts = []
    for start in range(0, len(flat), _CHUNK):
        s = flat[start : start + _CHUNK, None]
        z, weight = _panels(_cut(breaks, mean, s), _GRID)
        with np.errstate(all="ignore"):
            parts.append(np.sum(integrand(mean + s[:, :, None] * z, z) * weight, axis=(1, 2)))
    means = np.concatenate(parts)
    means[_grows(integrand, mean, flat, means)] = np.inf
    if not np.isfinite(means).all():
        raise NotFiniteError(
            f"The Gaussian mean of a function of {activation.name} is {means[~np.isfinite(means)][0]} at variance "
            f"{float(flat[~np.isfinite(means)][0]) ** 2:g}; need a function that is finite within 13 standard deviations "
            "of 0. Give one that is bounded or grows like a polynomial."
        )
    return means.reshape(std.shape)


def gaussian_rule(activation: Activation, std: float, mean: float = 0.0) -> tuple[Array, Array, Array]:
    """The nodes u and z and the weights of `gaussian_mean` at one std: several means for one evaluation each.

    >>> u, z, weight = gaussian_rule(Activation(lambda u: u), 2.0, 1.0)
    >>> float((weight @ u**2).round(12))
    5.0
    """
    breaks = activation.pieces(_REACH * std + abs(mean)).breaks
    z, weight = _panels(_cut(breaks, mean, np.array([[std]])), _GRID)
    z, weight = z[weight > 0], weight[weight > 0]
    return mean + std * z, z, weight


def _grows(integrand: Callable[[Array, Array], Array], mean: float, std: Array, result: Array) -> NDArray[np.bool_]:
    """Whether integrand times density is not long on its way down where the integral is cut, as for exp(u²)."""

    def weighted(place: float) -> Array:
        ends = [np.abs(integrand(mean + std * z, np.full(std.shape, z))) for z in (-place, place)]
        return np.maximum(*ends) * np.exp(-place * place / 2)

    with np.errstate(all="ignore"):
        before, last = np.maximum(weighted(9.0), weighted(8.3)), weighted(12.5)
        return (before > 0) & ~(last <= 1e-6 * before) & ~(last <= 1e-12 * np.abs(result))


def _cut(breaks: Array, mean: float | Array, std: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.clip((breaks - mean) / std, -_REACH, _REACH)


def _panels(cuts: Array, grid: Array) -> tuple[Array, Array]:
    """Nodes and weights `(n, panels, 20)` for rows of `cuts` `(n, m)` together with `grid`."""
    edges = np.sort(np.concatenate([cuts, np.broadcast_to(grid, (len(cuts), len(grid)))], axis=1), axis=1)
    half = np.diff(edges, axis=1)[:, :, None] / 2
    z = edges[:, :-1, None] + half * (1.0 + _NODES)
    return z, half * _WEIGHTS * np.exp(-z * z / 2) * _DENSITY


@lru_cache(maxsize=128)
def hermite(activation: Activation, q: float, of_slope: bool) -> tuple[Array, Array, float]:
    """Coefficients a_n of phi(sqrt(q) z) = sum a_n h_n(z) in orthonormal Hermite polynomials, n <= 512.

    With correlation c, E phi(u1) phi(u2) = sum a_n² c^n. The same for phi' where `of_slope`.

    Returns:
        The squares a_n², their degrees n, and a bound on the sum of all later squares.
    """
    std = np.sqrt(q)
    z, weight = _panels(_cut(activation.pieces(_REACH * std).breaks, 0.0, np.array([[std]])), _FINE)
    z, weight = z.ravel(), weight.ravel()
    keep = weight > 0
    z, weight = z[keep], weight[keep]
    values = (activation.slope if of_slope else activation)(std * z)
    weighted = values * weight
    squares = np.empty(_ORDER + 1)
    before, now = np.zeros_like(z), np.ones_like(z)
    for n in range(_ORDER + 1):
        squares[n] = float(weighted @ now) ** 2
        before, now = now, (z * now - np.sqrt(n) * before) / np.sqrt(n + 1.0)
    total = float(weighted @ values)
    squares[squares < 1e-31 * total] = 0.0
    degrees = np.arange(_ORDER + 1.0)
    late = float((degrees * squares)[-64:].sum())
    if late <= 1e-17 * float((degrees * squares).sum()) + 1e-300 and total - float(squares.sum()) <= 1e-13 * total:
        last = int(np.max(np.nonzero(squares)[0], initial=0))
        return squares[: last + 1], degrees[: last + 1], 0.0
    return squares, degrees, max(total - float(squares.sum()), late, 1e-16 * total)


def pair_mean(activation: Activation, q: float, c: Array, of_slope: bool = False) -> Array:
    """E phi(u1) phi(u2) for u1, u2 of mean 0, variance q > 0 and correlation c, or the same for phi'.

    A Hermite series where its neglected rest is below 1e-15 of the whole, else two nested quadratures.

    Args:
        activation: phi.
        q: the variance, above 0.
        c: correlations in [-1, 1], any shape.
        of_slope: take phi' in place of phi.

    Returns:
        One mean per correlation.
    """
    squares, degrees, rest = hermite(activation, q, of_slope)
    flat = np.ravel(c)
    means = np.asarray(np.polynomial.polynomial.polyval(flat, squares))
    if rest:
        limit = 1e-15 * (float(squares.sum()) + rest)
        function = activation.slope if of_slope else activation
        with np.errstate(under="ignore"):
            hard = rest * np.abs(flat) ** (degrees[-1] + 1) > limit
        for i in np.nonzero(hard)[0]:
            means[i] = _nested(activation, lambda a, b: function(a) * function(b), q, 1.0 - flat[i])
    return np.reshape(means, np.shape(c))


def pair_gap(activation: Activation, q: float, gap: Array) -> Array:
    """E phi(u1)² - E phi(u1) phi(u2) at correlation 1 - gap, to full relative accuracy for a small gap.

    It is half the mean of (phi(u1) - phi(u2))², summed as a Hermite series or by nested quadrature.

    Args:
        activation: phi.
        q: the variance, above 0.
        gap: 1 - c in [0, 2], any shape.

    Returns:
        One difference per gap, at least 0.
    """
    squares, degrees, rest = hermite(activation, q, False)
    flat = np.ravel(gap)
    if not rest:
        with np.errstate(divide="ignore"):
            c = 1.0 - flat[:, None]
            small = -np.expm1(degrees * np.log1p(-np.minimum(flat, 0.5))[:, None])
        out = np.where(flat[:, None] <= 0.5, small, 1.0 - c**degrees) @ squares
    else:
        out = np.array([_nested(activation, lambda a, b: (activation(a) - activation(b)) ** 2 / 2, q, x) for x in flat])
    return out.reshape(np.shape(gap))


def _nested(activation: Activation, integrand: Callable[[Array, Array], Array], q: float, gap: float) -> float:
    """The mean of integrand(u1, u2) at correlation c = 1 - gap: over u1, and for each over u2 given u1.

    The inner mean as a function of u1 is smooth on the scale sqrt(1 - c²) about each kink divided by c, and the outer
    panels follow that.
    """
    std, c, s = float(np.sqrt(q)), 1.0 - gap, float(np.sqrt(gap * (2.0 - gap)))
    found = activation.pieces(_REACH * std * (1 + s))
    outer = [_cut(found.breaks, 0.0, np.array(std)), _GRID]
    if s == 0.0:
        z, weight = _panels(np.concatenate([outer[0], -outer[0]])[None], _GRID)
        return float(np.sum(integrand(std * z, np.sign(c) * std * z) * weight))
    if abs(c) > 1e-3:
        outer.append(_cut(found.breaks, 0.0, np.array(c * std)))
        steps = s / abs(c) * np.concatenate([-_SPREAD, [0.0], _SPREAD])
        outer.append(np.clip((found.kinks[:, None] / (c * std) + steps).ravel(), -_REACH, _REACH))
    edges = np.unique(np.concatenate(outer))
    half = np.diff(edges) / 2
    total = 0.0
    for low, h in zip(edges[:-1], half, strict=True):
        if h < 1e-16:
            continue
        z1 = low + h * (1.0 + _NODES)
        w1 = h * _WEIGHTS * np.exp(-z1 * z1 / 2) * _DENSITY
        centre = c * std * z1
        near = (found.breaks > centre.min() - _REACH * s * std) & (found.breaks < centre.max() + _REACH * s * std)
        z2, w2 = _panels(_cut(found.breaks[near], centre[:, None], np.array(s * std)), _GRID)
        u1 = np.broadcast_to((std * z1)[:, None, None], z2.shape)
        inner = np.sum(integrand(u1, centre[:, None, None] + s * std * z2) * w2, axis=(1, 2))
        total += float(inner @ w1)
    return total
