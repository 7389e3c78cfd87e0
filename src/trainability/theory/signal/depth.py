"""How many layers a signal, a correlation and a gradient last."""

from __future__ import annotations

from math import inf, isinf, log
from typing import NamedTuple

from trainability.theory.signal._numbers import variance
from trainability.theory.signal.fixed_points import fixed_point
from trainability.theory.signal.maps import c_slope, chi_1, q_slope
from trainability.theory.signal.table import ActivationLike, resolve

_ONE = 1e-10
"""Distance from 1 within which a rate per layer counts as 1."""


class DepthScales(NamedTuple):
    """Layers in which a deviation falls by a factor e: of the variance, of the correlation, and of the gradient."""

    xi_q: float
    xi_c: float
    xi_grad: float


def depth_scales(activation: ActivationLike, sigma_w2: float, sigma_b2: float) -> DepthScales:
    """The depths over which variance, correlation and gradient forget where they started, in layers.

        xi_q = -1/ln |dq'/dq at q*|,   xi_c = -1/ln( sigma_w² E phi'(u1) phi'(u2) at c* ),   xi_grad = 1/|ln chi_1|

    Near the fixed point |q_l - q*| ~ exp(-l/xi_q) and |c_l - c*| ~ exp(-l/xi_c); the mean square gradient changes by
    exp(-l/xi_grad) (ordered, vanishing) or exp(+l/xi_grad) (chaotic, exploding). A rate within 1e-10 of 1 counts as
    1, so all that is infinite on the edge of chaos is inf. A rate of 0 gives 0.

    Where q* = 0 these are the limits of a small sigma_b2. Where q* is infinite (ReLU with sigma_w2 > 2), xi_q is
    inf and xi_c is that of the normalised correlation, inf for the ReLU.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.

    Returns:
        (xi_q, xi_c, xi_grad), a named tuple.

    Raises:
        ValueError: for a bad variance.

    Source:
        Schoenholz et al. 2017, arXiv 1611.01232. There xi_q has chi_1 + sigma_w² E phi'' phi, which is dq'/dq for a
        smooth phi; here it is taken in the form that holds across kinks.

    >>> [round(xi, 4) for xi in depth_scales("tanh", 2.0, 0.05)]
    [1.388, 25.2134, 21.4754]
    """
    act, w, b = resolve(activation), variance("sigma_w2", sigma_w2), variance("sigma_b2", sigma_b2)
    q, c = fixed_point(act, w, b)
    chi = float(chi_1(act, w, b, q))
    if isinf(q):
        return DepthScales(inf, _decay(c_slope(act, c, w, b, q)), _change(chi))
    rate_c = chi if c == 1 else c_slope(act, c, w, b, q)
    return DepthScales(_decay(abs(q_slope(act, w, b, q))), _decay(rate_c), _change(chi))


def trainable_depth(activation: ActivationLike, sigma_w2: float, sigma_b2: float) -> float:
    """A rule of thumb for the deepest plain network that trains: six correlation depths.

        6 xi_c

    An empirical reading of training experiments on MNIST and CIFAR-10, quoted here from memory: an order of
    magnitude, not a bound. It depends on the optimizer, the steps and the width.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_w2: weight variance times fan_in, at least 0.
        sigma_b2: bias variance, at least 0.

    Returns:
        Layers; inf on the edge of chaos, where this rule sets no limit.

    Raises:
        ValueError: for a bad variance.

    Source:
        Schoenholz et al. 2017, arXiv 1611.01232, from memory.

    >>> round(trainable_depth("tanh", 2.0, 0.05))
    151
    """
    return 6.0 * depth_scales(activation, sigma_w2, sigma_b2).xi_c


def _decay(rate: float) -> float:
    """-1/ln(rate); inf from 1 on, 0 at 0."""
    if rate >= 1 - _ONE:
        return inf
    return -1.0 / log(rate) if rate > 0 else 0.0


def _change(rate: float) -> float:
    """1/|ln(rate)|; inf at 1, 0 at 0 and at infinity."""
    if abs(rate - 1) <= _ONE:
        return inf
    return 1.0 / abs(log(rate)) if 0 < rate < inf else 0.0
