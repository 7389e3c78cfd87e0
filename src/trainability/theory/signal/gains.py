"""How much an activation shrinks a Gaussian signal, and the weight gain that makes up for it."""

from __future__ import annotations

from math import sqrt

from trainability.theory.signal.maps import q_map
from trainability.theory.signal.table import ActivationLike, leaky_relu, resolve


def second_moment(nonlinearity: ActivationLike, negative_slope: float = 0.01) -> float:
    """The mean square of an activation's output for a standard Gaussian input.

        E phi(z)²,  z ~ N(0, 1)

    Linear, ReLU and leaky ReLU are exact: 1, 1/2 and (1 + s²)/2; erf and sin are closed forms. The others are
    quadratures between the kinks, with a relative error of about 1e-14.

    Args:
        nonlinearity: a name, an `Activation`, or a NumPy function; see `theory.signal.resolve`.
        negative_slope: slope s below 0, used by the name `leaky_relu` alone.

    Returns:
        E phi(z)², at least 0.

    Raises:
        UnknownNameError: for a name nobody has.
        ValueError: for a function whose mean square is not finite.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, Section 2.2, where it is 1/2 for the ReLU.

    >>> second_moment("relu")
    0.5
    >>> round(second_moment("tanh"), 6)
    0.394294
    """
    activation = resolve(nonlinearity)
    if isinstance(nonlinearity, str) and activation is resolve("leaky_relu"):
        activation = leaky_relu(negative_slope)
    return float(q_map(activation, 1.0, 1.0, 0.0))


def gain(activation: ActivationLike, negative_slope: float = 0.01) -> float:
    """The factor on the weights that keeps the mean square of pre-activations through a wide layer.

        gain = 1 / sqrt(E phi(z)²),  z ~ N(0, 1)

    With independent weights N(0, gain²/fan_in) after the nonlinearity, pre-activations that come in with mean
    square 1 go out with mean square 1. For the ReLU, leaky ReLU and linear this is
    `torch.nn.init.calculate_gain`. Elsewhere the two differ: torch has 5/3 for tanh (here 1.5925), 1 for
    sigmoid (here 1.8462) and 3/4 for SELU (here 1).

    Args:
        activation: a name, an `Activation`, or a NumPy function; see `theory.signal.resolve`.
        negative_slope: slope s below 0, used by the name `leaky_relu` alone.

    Returns:
        The gain, above 0; infinite for a nonlinearity that is 0 everywhere.

    Raises:
        UnknownNameError: for a name nobody has.
        ValueError: for a function whose mean square is not finite.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, equations (10) and (15), for ReLU and leaky ReLU; the
        general form is the fixed point q = 1 of the mean-field map q' = gain² E phi(sqrt(q) z)².

    >>> import numpy as np
    >>> round(gain("relu"), 6)
    1.414214
    >>> round(gain(lambda z: np.maximum(z, 0.0)), 6)
    1.414214
    >>> round(gain("tanh"), 4)
    1.5925
    """
    moment = second_moment(activation, negative_slope)
    return sqrt(1.0 / moment) if moment > 0 else float("inf")
