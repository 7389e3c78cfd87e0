"""How much a nonlinearity shrinks a Gaussian signal, and the weight gain that makes up for it."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, isfinite, pi, sqrt
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.special import erf, expit, ndtr

from trainability.errors import UnknownNameError

Nonlinearity = str | Callable[[Any], Any]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

NONLINEARITIES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": expit,
    "erf": erf,
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z * expit(z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "selu": lambda z: _SELU_SCALE * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0.0))),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "sin": np.sin,
}
"""The named nonlinearities, as NumPy functions; `gelu` is the exact one (with erf), `elu` has alpha 1."""

_REACH = 20.0
"""Where the Gaussian integral is cut: its density there is below 1e-87."""


def second_moment(nonlinearity: Nonlinearity, negative_slope: float = 0.01) -> float:
    """The mean square of a nonlinearity's output for a standard Gaussian input.

        E phi(z)²,  z ~ N(0, 1)

    Linear, ReLU and leaky ReLU are exact: 1, 1/2 and (1 + s²)/2. The others are integrated adaptively,
    cut at every integer so that a kink there costs nothing; the absolute error is below 1e-10.

    Args:
        nonlinearity: a name in `NONLINEARITIES`, or a NumPy function of one number that returns one number.
        negative_slope: slope s below 0, used by `leaky_relu` alone.

    Returns:
        E phi(z)², at least 0.

    Raises:
        UnknownNameError: for a name that is not in `NONLINEARITIES`.
        ValueError: for a function whose mean square is not finite.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, where it is 1/2 for the ReLU.

    >>> second_moment("relu")
    0.5
    >>> round(second_moment("tanh"), 6)
    0.394294
    """
    if isinstance(nonlinearity, str):
        if nonlinearity not in NONLINEARITIES:
            raise UnknownNameError("nonlinearity", nonlinearity, list(NONLINEARITIES))
        if nonlinearity in ("linear", "identity"):
            return 1.0
        if nonlinearity == "relu":
            return 0.5
        if nonlinearity == "leaky_relu":
            return (1.0 + negative_slope**2) / 2.0
        phi = NONLINEARITIES[nonlinearity]
    else:
        phi = nonlinearity

    def weighted(z: float) -> float:
        return float(phi(np.float64(z))) ** 2 * exp(-z * z / 2) / sqrt(2 * pi)

    cuts = np.arange(-_REACH, _REACH + 1)
    total = quad(weighted, -_REACH, _REACH, points=cuts[1:-1], limit=1000, epsabs=1e-13, epsrel=1e-12)[0]
    if not isfinite(total):
        raise ValueError(
            f"The mean square of {nonlinearity!r} under a standard Gaussian is {total}; need a function that "
            "is finite on [-20, 20]. Give one that is bounded or grows like a polynomial."
        )
    return float(total)


def gain(nonlinearity: Nonlinearity, negative_slope: float = 0.01) -> float:
    """The factor on the weights that keeps the mean square of pre-activations through a wide layer.

        gain = 1 / sqrt(E phi(z)²),  z ~ N(0, 1)

    With independent weights N(0, gain²/fan_in) after the nonlinearity, pre-activations that come in with mean
    square 1 go out with mean square 1. For the ReLU, leaky ReLU and linear this is
    `torch.nn.init.calculate_gain`. Elsewhere the two differ: torch has 5/3 for tanh (here 1.5925), 1 for
    sigmoid (here 1.8462) and 3/4 for SELU (here 1).

    Args:
        nonlinearity: a name in `NONLINEARITIES`, or a NumPy function of one number that returns one number.
        negative_slope: slope s below 0, used by `leaky_relu` alone.

    Returns:
        The gain, above 0; infinite for a nonlinearity that is 0 everywhere.

    Raises:
        UnknownNameError: for a name that is not in `NONLINEARITIES`.
        ValueError: for a function whose mean square is not finite.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, equations (10) and (15), for ReLU and leaky ReLU; the
        general form is the fixed point q = 1 of the mean-field map q' = gain² E phi(sqrt(q) z)².

    >>> round(gain("relu"), 6)
    1.414214
    >>> round(gain(lambda z: np.maximum(z, 0.0)), 6)
    1.414214
    >>> round(gain("tanh"), 4)
    1.5925
    """
    moment = second_moment(nonlinearity, negative_slope)
    return sqrt(1.0 / moment) if moment > 0 else float("inf")
