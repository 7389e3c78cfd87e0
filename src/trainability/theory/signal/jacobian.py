"""How far the singular values of a deep network's input-output Jacobian spread at initialization."""

from __future__ import annotations

import numpy as np

from trainability.errors import UnknownNameError
from trainability.theory.signal._numbers import layers, variance
from trainability.theory.signal.maps import slope_square
from trainability.theory.signal.quadrature import gaussian_mean
from trainability.theory.signal.table import ActivationLike, resolve

_FIRST_MOMENTS = {"gaussian": -1.0, "orthogonal": 0.0}
"""s_1 of the S-transform of W W' for each law of weights."""


def slope_moment(activation: ActivationLike, order: int, q: float = 1.0) -> float:
    """The mean of an even power of the activation's slope.

        mu_k = E phi'(sqrt(q) z)^(2k)

    Args:
        activation: a name, an `Activation`, or a function.
        order: k, 1 or more.
        q: variance of the pre-activations, above 0.

    Returns:
        mu_k; infinite where phi jumps.

    Raises:
        ValueError: for a bad order or variance.

    >>> slope_moment("leaky_relu", 2)
    0.500000005
    """
    act, q = resolve(activation), variance("q", q)
    if order < 1 or q == 0:
        raise ValueError(f"Got order={order}, q={q}; need an order of 1 or more and a variance above 0.")
    if act.slopes is not None:
        return float((act.slopes[0] ** (2 * order) + act.slopes[1] ** (2 * order)) / 2)
    if order == 1 or act.jumps:
        return float(slope_square(act, np.array(q)))
    return float(gaussian_mean(act, lambda u, z: act.slope(u) ** (2 * order), np.sqrt(q)))


def mean_eigenvalue(activation: ActivationLike, depth: int, sigma_w2: float, q: float = 1.0) -> float:
    """The mean eigenvalue of J J' for a network of `depth` wide layers at a variance that stays.

        (sigma_w² mu_1)^L = chi_1^L

    Args:
        activation: a name, an `Activation`, or a function.
        depth: number of layers L, 0 or more; J is the product of L factors D W.
        sigma_w2: weight variance times fan_in (for orthogonal weights: the squared scale).
        q: variance of the pre-activations, the fixed point q*, above 0.

    Returns:
        The mean.

    Raises:
        ValueError: for bad numbers.

    >>> mean_eigenvalue("relu", 50, 2.0)
    1.0
    """
    return float((variance("sigma_w2", sigma_w2) * slope_moment(activation, 1, q)) ** layers(depth))


def eigenvalue_variance(activation: ActivationLike, depth: int, q: float = 1.0, weights: str = "gaussian") -> float:
    """The variance of the eigenvalues of J J' over their squared mean, for square layers of large width.

        var/mean² = L (mu_2/mu_1² - 1 - s_1),   s_1 = -1 for Gaussian weights, 0 for orthogonal ones

    with mu_k = E phi'(sqrt(q) z)^(2k). Dynamical isometry needs it to stay below about 1. Gaussian weights give at
    least L. For the ReLU it is 2 L and L, at any q, so no ReLU network is isometric; for tanh with orthogonal
    weights mu_2/mu_1² - 1 falls with q*, so that it can be held at any depth near q* = 0.

    Args:
        activation: a name, an `Activation`, or a function.
        depth: number of layers L, 0 or more.
        q: variance of the pre-activations, the fixed point q*, above 0.
        weights: "gaussian" or "orthogonal".

    Returns:
        The relative variance, at least 0.

    Raises:
        UnknownNameError: for another law of weights.
        ValueError: for bad numbers.

    Source:
        Pennington, Schoenholz and Ganguli 2017, arXiv 1711.04735.

    >>> eigenvalue_variance("relu", 10), eigenvalue_variance("relu", 10, weights="orthogonal")
    (20.0, 10.0)
    """
    if weights not in _FIRST_MOMENTS:
        raise UnknownNameError("law of weights", weights, list(_FIRST_MOMENTS))
    act = resolve(activation)
    spread = slope_moment(act, 2, q) / slope_moment(act, 1, q) ** 2 - 1.0
    return float(layers(depth) * (spread - _FIRST_MOMENTS[weights]))
