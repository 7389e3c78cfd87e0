"""One layer of a wide random network: variance to variance, correlation to correlation, and the slopes of both."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.signal._closed import two_slopes
from trainability.theory.signal._numbers import Array, correlations, plain, variance, variances
from trainability.theory.signal.activation import Activation
from trainability.theory.signal.quadrature import gaussian_mean, pair_gap, pair_mean
from trainability.theory.signal.table import ActivationLike, resolve


def q_map(activation: ActivationLike, q: ArrayLike, sigma_w2: ArrayLike, sigma_b2: ArrayLike) -> Any:
    """The variance of the next layer's pre-activations, given that of this layer's.

        q' = sigma_w² E phi(sqrt(q) z)² + sigma_b²,  z ~ N(0, 1)

    for weights N(0, sigma_w²/fan_in) and biases N(0, sigma_b²), in the limit of wide layers. Closed forms for
    linear, ReLU, leaky ReLU and abs (q (s_-² + s_+²)/2), erf, sin and cos; for all others Gauss-Legendre panels
    that end at the kinks and follow the function, with a relative error of about 1e-14 from q = 1e-300 to 1e12.

    Args:
        activation: a name, an `Activation`, or an elementwise function on arrays. The kinks of a function are
            searched for; `resolve(f).pieces(reach).residual` says how well it is resolved (3e-14 at best).
        q: variance, at least 0.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0. The three broadcast.

    Returns:
        q', a float for numbers, else an array of the common shape.

    Raises:
        ValueError: for a negative or non-finite variance, or an activation without a finite mean square.

    Source:
        Poole, Lahiri, Raghu, Sohl-Dickstein and Ganguli 2016, arXiv 1606.05340, the length map.

    >>> float(q_map("relu", 3.0, 2.0, 0.0))
    3.0
    >>> q_map("tanh", [0.1, 1.0], 1.5, 0.05).round(6)
    array([0.176321, 0.641442])
    """
    q, w, b = variances("q", q), variances("sigma_w2", sigma_w2), variances("sigma_b2", sigma_b2)
    return plain(w * mean_square(resolve(activation), q) + b)


def mean_square(activation: Activation, q: Array) -> Array:
    """E phi(sqrt(q) z)² for any q of at least 0."""
    q = np.asarray(q, dtype=np.float64)
    if activation.closed is not None:
        return np.asarray(activation.closed.mean_square(q))
    return _with_zero(q, activation(0.0) ** 2, lambda s: gaussian_mean(activation, lambda u, z: activation(u) ** 2, s))


def slope_square(activation: Activation, q: Array) -> Array:
    """E phi'(sqrt(q) z)² for any q of at least 0; infinite where phi jumps."""
    q = np.asarray(q, dtype=np.float64)
    if activation.closed is not None:
        return np.asarray(activation.closed.slope_square(q))
    if activation.jumps:
        return np.full(q.shape, np.inf)
    below, above = activation.slopes_at_zero()
    at_zero = (below**2 + above**2) / 2
    return _with_zero(q, at_zero, lambda s: gaussian_mean(activation, lambda u, z: activation.slope(u) ** 2, s))


def _with_zero(q: Array, at_zero: float, of_std: Any) -> Array:
    """A function of sqrt(q) where q > 0, and its known value at 0."""
    out = np.full(q.shape, float(at_zero))
    if (q > 0).any():
        out[q > 0] = of_std(np.sqrt(q[q > 0]))
    return out


def chi_1(activation: ActivationLike, sigma_w2: float, sigma_b2: float, q: ArrayLike | None = None) -> Any:
    """The factor per layer on the mean square gradient, and on a small difference of two inputs.

        chi_1 = sigma_w² E phi'(sqrt(q) z)²

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.
        q: where to take it; None is the fixed point q* of the q-map (see `fixed_point`), infinity included.

    Returns:
        chi_1, of the shape of `q`; below 1 the network is ordered, above 1 chaotic. Infinite for an activation
        that jumps.

    Raises:
        ValueError: for a bad variance.

    Source:
        Schoenholz, Gilmer, Ganguli and Sohl-Dickstein 2017, arXiv 1611.01232.

    >>> chi_1("relu", 1.8, 0.3)
    0.9
    >>> round(chi_1("tanh", 2.0, 0.05), 6)
    1.047666
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    q = np.asarray(_fixed_q(act, w, b) if q is None else q, dtype=np.float64)
    far = np.isposinf(q)
    out = w * slope_square(act, variances("q", np.where(far, 1.0, q)))
    return plain(np.where(far, w * sum(s**2 for s in act.slopes_far()) / 2, out) if far.any() else out)


def q_slope(activation: ActivationLike, sigma_w2: float, sigma_b2: float, q: float | None = None) -> float:
    """The derivative dq'/dq of the q-map.

        sigma_w² E phi(sqrt(q) z)² (z² - 1)/(2 q)  =  sigma_w² E (phi'² + phi phi'')

    The left form, with phi(0)² subtracted, needs no derivative and holds across kinks and jumps.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.
        q: where to take it; None is q*.

    Returns:
        The derivative. At q = 0 for phi(0) = 0: sigma_w² times the mean of the squared slopes on both sides.

    Raises:
        ValueError: for a bad variance, or q = 0 with phi(0) other than 0 (take a small q).

    >>> q_slope("relu", 1.5, 0.1)
    0.75
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    q = _fixed_q(act, w, b) if q is None else float(q)
    if w == 0:
        return 0.0
    if act.slopes is not None:
        return w * (act.slopes[0] ** 2 + act.slopes[1] ** 2) / 2
    if np.isposinf(q):
        return w * sum(s**2 for s in act.slopes_far()) / 2
    variance("q", q)
    start = act(0.0) ** 2
    if q == 0:
        if start:
            raise ValueError(f"Got q=0 for {act.name} with phi(0)={act(0.0):g}; need q above 0. Give a small one.")
        return w * sum(s**2 for s in act.slopes_at_zero()) / 2
    rise = gaussian_mean(act, lambda u, z: (act(u) ** 2 - start) * (z * z - 1), np.sqrt(q))
    return w * float(rise) / (2 * q)


def c_map(
    activation: ActivationLike, c: ArrayLike, sigma_w2: float, sigma_b2: float, q: ArrayLike | None = None
) -> Any:
    """The correlation of two inputs' pre-activations in the next layer, given that in this layer.

        C(c) = ( sigma_w² E phi(u1) phi(u2) + sigma_b² ) / q',   u1, u2 of variance q and correlation c

    where q' is the q-map at q, which is q itself at the fixed point q*. Closed forms for linear, ReLU, leaky ReLU
    and abs (arc-cosine kernels), erf (arc sine), sin and cos. Else the series sum a_n² c^n in squared Hermite
    coefficients where 512 of them suffice, and two nested quadratures with graded panels where not (kinked or
    saturated activations with c near +-1); the absolute error is about 1e-14 either way.

    Where q* = 0 or q* is infinite, C is the limit: that of the activation with the slopes it has at 0, or far
    out. So for the ReLU C is the same at every q when sigma_b2 = 0.

    Args:
        activation: a name, an `Activation`, or a function.
        c: correlations in [-1, 1], any shape.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.
        q: variance of both inputs' pre-activations; None is q*. Broadcasts with c.

    Returns:
        C(c), a float or an array. It is nan where q' is 0 (sigma_w2 = 0 = sigma_b2).

    Raises:
        ValueError: for a bad variance or correlation.

    Source:
        Poole et al. 2016, arXiv 1606.05340; Cho and Saul 2009 for the ReLU; Williams 1997 for erf.

    >>> round(c_map("relu", 0.0, 2.0, 0.0), 8)
    0.31830989
    >>> c_map("tanh", [0.0, 0.744082, 1.0], 2.0, 0.05).round(6)
    array([0.069275, 0.744082, 1.      ])
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    c = correlations(c)
    q = np.asarray(_fixed_q(act, w, b) if q is None else q, dtype=np.float64)
    c, q = np.broadcast_arrays(c, q)
    out = np.empty(c.shape)
    for value in np.unique(q):
        where = q == value
        out[where] = _c_map(act, c[where], w, b, float(value))
    return plain(out)


def _c_map(act: Activation, c: Array, w: float, b: float, q: float) -> Array:
    limit = _limit(act, w, b, q)
    if limit is not None:
        act, b, q = limit, 0.0, 1.0
    top = w * pair(act, q, c) + b
    bottom = w * float(mean_square(act, np.array(q))) + b
    return np.clip(top / bottom, -1.0, 1.0) if bottom else np.full(c.shape, np.nan)


def c_gap(act: Activation, gap: Array, w: float, b: float, q: float) -> Array:
    """1 - C(1 - gap), to full relative accuracy for a small gap."""
    limit = _limit(act, w, b, q)
    if limit is not None:
        act, b, q = limit, 0.0, 1.0
    bottom = w * float(mean_square(act, np.array(q))) + b
    if act.closed is not None and act.closed.gap is not None:
        return w * np.asarray(act.closed.gap(q, gap)) / bottom
    if act.slopes is not None:
        return 1.0 - _c_map(act, 1.0 - gap, w, b, q)
    return w * pair_gap(act, q, gap) / bottom


def c_slope(act: Activation, c: float, w: float, b: float, q: float) -> float:
    """dC/dc = sigma_w² q E phi'(u1) phi'(u2)/q'; at q = q* it is sigma_w² E phi' phi'."""
    limit = _limit(act, w, b, q)
    if limit is not None:
        act, b, q = limit, 0.0, 1.0
    bottom = w * float(mean_square(act, np.array(q))) + b
    return w * q * float(slope_pair(act, q, np.array(c))) / bottom


def pair(act: Activation, q: float, c: Array) -> Array:
    """E phi(u1) phi(u2), closed or not."""
    if act.closed is not None:
        return np.asarray(act.closed.pair(q, c))
    if q == 0:
        return np.full(np.shape(c), act(0.0) ** 2)
    return pair_mean(act, q, c)


def slope_pair(act: Activation, q: float, c: Array) -> Array:
    """E phi'(u1) phi'(u2), closed or not; infinite at c = +-1 where phi jumps."""
    if act.closed is not None:
        return np.asarray(act.closed.slope_pair(q, c))
    if act.jumps:  # phi' holds delta functions: E phi' phi' is d/dc E phi phi / q, by a central difference
        h = 1e-4 * (1 - np.abs(c))
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = (pair_mean(act, q, c + h) - pair_mean(act, q, c - h)) / (2 * h * q)
        return np.where(np.abs(c) == 1, np.inf, rate)
    return pair_mean(act, q, c, of_slope=True)


def _limit(act: Activation, w: float, b: float, q: float) -> Activation | None:
    """The piecewise linear activation that stands in at q = 0 (no bias, phi(0) = 0) and at q = infinity."""
    if np.isposinf(q):
        slopes = act.slopes_far()
    elif q == 0 and b == 0 and act(0.0) == 0:
        slopes = act.slopes_at_zero()
    else:
        variance("q", q)
        return None
    if not 0 < slopes[0] ** 2 + slopes[1] ** 2 < 1e12:
        raise ValueError(
            f"{act.name} has the slopes {slopes} where q={q}; the correlation there has no limit this can give. "
            "Give q=, a finite variance above 0."
        )
    return Activation(lambda u: u, closed=two_slopes(*slopes), slopes=slopes, name=act.name)


@lru_cache(maxsize=64)
def _fixed_q(act: Activation, w: float, b: float) -> float:
    from trainability.theory.signal.fixed_points import fixed_q  # the fixed point is made of the q-map above

    return fixed_q(act, w, b)
