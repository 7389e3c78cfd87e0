"""The law of log M_L, the size that a typical net of finite width has; its mean falls with depth while E M_L stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, expm1, inf, lgamma, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, loggamma, logsumexp

from trainability.theory.finite_width._layers import Layer, PerLayer, layers
from trainability.theory.finite_width.moments import dead_probability

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LogSize:
    """The law of log(M_L/M_0) over nets that are not dead at the input.

    Args:
        mean: of log(M_L/M_0), given that M_L > 0.
        variance: of the same.
        dead: probability that M_L = 0.
        layers: (width, slope, gain) of each layer.
    """

    mean: float
    variance: float
    dead: float
    layers: tuple[Layer, ...]

    @property
    def typical(self) -> float:
        """exp(mean), the geometric mean of M_L/M_0 over nets that are not dead: near the median, far below E M_L."""
        return exp(self.mean)

    @property
    def median(self) -> float:
        """The median of M_L/M_0 over all nets, dead ones included as 0."""
        return exp(self.quantile(0.5))

    def cdf(self, x: ArrayLike, *, alive: bool = False) -> Array:
        """P(log(M_L/M_0) <= x), by inversion of the exact characteristic function.

        The absolute error is below 1e-10, or n times 1e-15 where a width n is larger than 1e5.

        Args:
            x: any shape.
            alive: whether to condition on nets that are not dead.

        Returns:
            Probabilities of the shape of x.
        """
        points = np.asarray(x, float)
        w, phi, step = _characteristic(self.layers, self.mean, sqrt(self.variance))
        # The sum is right where |x - log M| stays below pi / step; half of that holds all the mass there is.
        centred = np.clip(points.ravel() - self.mean, -pi / step / 2, pi / step / 2)
        waves = np.exp(-1j * np.outer(centred, w)) * phi / w
        share = np.clip(0.5 - step / pi * waves.imag.sum(1), 0.0, 1.0).reshape(points.shape)
        return np.asarray(share if alive else self.dead + (1 - self.dead) * share)

    def quantile(self, share: float, *, alive: bool = False) -> float:
        """The x with P(log(M_L/M_0) <= x) = share; -inf where that many nets are dead.

        Args:
            share: in (0, 1); those below 1e-9 or above 1 - 1e-9 are beyond the accuracy of `cdf`.
            alive: whether to condition on nets that are not dead.

        Returns:
            x.

        Raises:
            ValueError: a share outside (0, 1).
        """
        if not 0 < share < 1:
            raise ValueError(f"Got share={share}; need 0 < share < 1, such as 0.5 for the median.")
        if not alive:
            share = (share - self.dead) / (1 - self.dead)
            if share <= 0:
                return -inf
        reach = 20 * sqrt(self.variance) + 80
        low, high = self.mean - reach, self.mean + reach
        return float(brentq(lambda x: float(self.cdf(x, alive=True)) - share, low, high, xtol=1e-12))


def log_size(widths: Sequence[int], *, negative_slope: PerLayer = 0.0, gain: PerLayer | None = None) -> LogSize:
    """The exact law of log(M_L/M_0) in a random ReLU net without biases, for Gaussian weights.

    The layers are independent: M_l/M_{l-1} = (gain²/n) (chi²_k + s² chi²_{n-k}), k ~ Binomial(n, 1/2), and given that a
    ReLU net is not dead every k is at least 1. For the ReLU

        E log = log(gain²/n) + E [ digamma(k/2) + log 2 ],   var log = E trigamma(k/2) + var digamma(k/2)   over k >= 1

    which is computed, for every slope, from the survival function of log E - log X, E exponential with mean 1: it is the
    Laplace transform E exp(-X e^y), known in closed form. For wide layers E log ~ -5/(2n), var log ~ 5/n a layer.

    Args:
        widths: n_1..n_L.
        negative_slope: s below 0, one number or one per layer; 1 for a linear layer.
        gain: std · sqrt(fan_in), one number or one per layer; None for sqrt(2/(1 + s²)), which keeps E M_L = M_0.

    Returns:
        LogSize: mean, variance, probability of being dead, and the distribution function and quantiles.

    Raises:
        ValueError: an empty or impossible net.

    Source:
        the two formulas: moments of log chi²; the rest derived here.

    >>> law = log_size([10] * 5)
    >>> round(law.mean, 4), round(law.variance, 3), round(law.median, 3), round(law.dead, 5)
    (-1.5373, 4.334, 0.262, 0.00487)
    """
    net = tuple(layers(widths, negative_slope, gain))
    found = {layer: _moments(layer) for layer in set(net)}
    relu = [layer.width for layer in net if layer.slope == 0]
    return LogSize(
        mean=sum(found[layer][0] for layer in net),
        variance=sum(found[layer][1] for layer in net),
        dead=dead_probability(relu) if relu else 0.0,
        layers=net,
    )


def _moments(layer: Layer) -> tuple[float, float]:
    """Mean and variance of log X, X = (gain²/n) sum phi(g)² given that it is not 0, from the density of log E - log X.

    The density is -d/dy E exp(-X e^y), analytic in y, so that the trapezoid rule has no error to speak of.
    """
    n, slope, gain = layer
    if n >= 100_000:  # the variance of log E would swallow the digits of 5/n
        return _wide_moments(layer)
    h = 1 / 64
    z = np.arange(-45 * 64, 260 * 64) * h  # y + log n; the tails are e^y and e^(-y/2)
    t = np.exp(z) / n
    r, below = _root(t)  # E exp(-t g²), and what it lacks to 1
    if slope == 0:  # (1 + r)^(n-1) / (2^n - 1), without the digits that 2^n would cost
        share = np.exp((n - 1) * np.log1p(-below / 2)) / 2 / -expm1(-n * log(2))
        density = n * t * r**3 * share
    else:
        r2, below2 = _root(t * slope * slope)
        lacks = (below + below2) / 2
        base = np.where(lacks < 0.5, np.log1p(-np.minimum(lacks, 0.5)), np.log((r + r2) / 2))
        density = n * t * (r**3 + slope * slope * r2**3) / 2 * np.exp((n - 1) * base)
    first = h * float((z * density).sum())
    spread = h * float(((z - first) ** 2 * density).sum())
    return -float(np.euler_gamma) - first + log(gain * gain), spread - pi * pi / 6


def _root(t: Array) -> tuple[Array, Array]:
    """1/sqrt(1 + 2 t), and 1 minus that without cancellation."""
    root = np.sqrt(1 + 2 * t)
    return 1 / root, 2 * t / (root * (1 + root))


def _wide_moments(layer: Layer) -> tuple[float, float]:
    """The same by series of log(1 + d), d the relative deviation of a mean of n: relative error about 1/n²."""
    n, slope, gain = layer
    first, second, third = (float(np.prod([1, 3, 5][:j])) * (1 + slope ** (2 * j)) / 2 for j in (1, 2, 3))
    spread = second / first**2 - 1
    skew = third / first**3 - 3 * second / first**2 + 2
    mean = -spread / (2 * n) + (skew / 3 - 0.75 * spread**2) / n**2
    return mean + log(gain * gain * first), spread / n + (2.5 * spread**2 - skew) / n**2


@lru_cache(maxsize=32)
def _characteristic(net: tuple[Layer, ...], mean: float, std: float) -> tuple[Array, NDArray[np.complex128], float]:
    """Frequencies, E exp(i w (log M - mean)) there, and their step: enough of them to invert by Gil-Pelaez' sum."""
    # Narrow layers have the tail e^(x/2) of log chi²_1; wide ones fall off much faster.
    half_period = 24 * std + 150 if min(layer.width for layer in net) < 60 else 80 * std
    step = pi / half_period
    rules = [(layer, count, *_mixture(layer)) for layer, count in Counter(net).items()]
    frequencies, values = [], []
    for block in range(2000):
        w = (np.arange(256) + 256 * block + 0.5) * step
        phi = np.exp(-1j * w * mean)
        for layer, count, points, weights in rules:
            n = layer.width
            size = 1j * w * log(2 * layer.gain**2 / n) + loggamma(n / 2 + 1j * w) - gammaln(n / 2)
            phi = phi * (np.exp(size) * (np.exp(1j * np.outer(w, points)) @ weights)) ** count
        frequencies.append(w)
        values.append(phi)
        if np.abs(phi).max() < 1e-15:
            break
    return np.concatenate(frequencies), np.concatenate(values), step


def _mixture(layer: Layer) -> tuple[Array, Array]:
    """Points log(U + s² (1 - U)) and their weights, U the share of |g|² above 0, given that the layer is not dead.

    U is Beta(k/2, (n - k)/2) with k ~ Binomial(n, 1/2); in y = log(U/(1 - U))/2 the trapezoid rule is exact to rounding.
    """
    n, slope = layer.width, layer.slope
    if abs(slope) == 1:
        return np.zeros(1), np.ones(1)
    alive = -expm1(-n * log(2)) if slope == 0 else 1.0
    ends = 0.5**n / alive  # k = n, and k = 0 where it is not dead
    points, weights = [np.zeros(1)], [np.array([ends])]
    if slope != 0:
        points.append(np.array([2 * log(abs(slope))]))
        weights.append(np.array([ends]))
    if n > 1:
        h = min(0.04, 0.2 / sqrt(n))
        reach = 40.0 if n < 60 else 60 / sqrt(n)
        y = np.arange(-reach, reach + h, h)
        up, down = -np.logaddexp(0.0, -2 * y), -np.logaddexp(0.0, 2 * y)  # log U, log(1 - U)
        # Nine standard deviations of k; where they are many, every tenth of one is enough (the sum is a trapezoid rule).
        stride = max(1, int(sqrt(n) / 20))
        k = np.arange(max(1, int(n / 2 - 4.5 * sqrt(n))), min(n - 1, int(n / 2 + 4.5 * sqrt(n))) + 1, stride)[:, None]
        chance = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * log(2) + log(stride / alive)
        beta = gammaln(k / 2) + gammaln((n - k) / 2) - lgamma(n / 2)
        density = logsumexp(chance - beta + k / 2 * up + (n - k) / 2 * down, axis=0) + log(2 * h)
        kept = density > -50
        points.append((np.logaddexp(up, 2 * log(abs(slope)) + down) if slope != 0 else up)[kept])
        middle = np.exp(density[kept])
        weights.append(middle * (1 - ends * len(points[:-1])) / middle.sum())
    return np.concatenate(points), np.concatenate(weights)
