"""The standard deviation that each standard initialization gives its weights, from the fans alone."""

from __future__ import annotations

from math import sqrt

from trainability.theory.gain import Nonlinearity, gain


def he(fan_in: int, nonlinearity: Nonlinearity = "relu", negative_slope: float = 0.01) -> float:
    """The weight std that keeps the mean square of pre-activations behind a nonlinearity.

        gain / sqrt(fan_in),  sqrt(2 / fan_in) for the ReLU

    The gain is `theory.gain.gain`, which is not torch's for tanh, sigmoid and SELU.

    Args:
        fan_in: inputs that each unit sums, 1 or more (for a convolution: channels times kernel positions).
        nonlinearity: what stands before these weights; a name or a NumPy function.
        negative_slope: slope below 0, used by `leaky_relu` alone.

    Returns:
        The standard deviation of one weight.

    Raises:
        ValueError: for a fan below 1.

    Source:
        He, Zhang, Ren and Sun 2015, arXiv 1502.01852, equation (10).

    >>> round(he(200), 6)
    0.1
    """
    _check_fans(fan_in=fan_in)
    return gain(nonlinearity, negative_slope) / sqrt(fan_in)


def xavier(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """The weight std that Glorot and Bengio chose between keeping the signal and keeping the gradient.

        gain sqrt(2 / (fan_in + fan_out))

    Args:
        fan_in: inputs that each unit sums, 1 or more.
        fan_out: units that each input feeds, 1 or more.
        gain: factor on the result, 1 as published.

    Returns:
        The standard deviation of one weight.

    Raises:
        ValueError: for a fan below 1.

    Source:
        Glorot and Bengio 2010, AISTATS, equation (12); (16) is the uniform one with the same std.

    >>> xavier(150, 50)
    0.1
    """
    _check_fans(fan_in=fan_in, fan_out=fan_out)
    return gain * sqrt(2.0 / (fan_in + fan_out))


def lecun(fan_in: int) -> float:
    """The weight std that keeps the mean square of a signal through a linear layer.

        1 / sqrt(fan_in)

    Args:
        fan_in: inputs that each unit sums, 1 or more.

    Returns:
        The standard deviation of one weight.

    Raises:
        ValueError: for a fan below 1.

    Source:
        LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp", Section 4.6, equation (16).

    >>> lecun(100)
    0.1
    """
    _check_fans(fan_in=fan_in)
    return 1.0 / sqrt(fan_in)


def torch_default(fan_in: int) -> float:
    """The weight std of torch's Linear and Conv layers as they are made: U[-1/sqrt(fan_in), 1/sqrt(fan_in)].

        1 / sqrt(3 fan_in)

    A third of LeCun's variance and a sixth of He's, because `kaiming_uniform_` is called with a = sqrt(5).

    Args:
        fan_in: inputs that each unit sums, 1 or more.

    Returns:
        The standard deviation of one weight.

    Raises:
        ValueError: for a fan below 1.

    Source:
        torch 2.13, `torch.nn.Linear.reset_parameters`.

    >>> round(torch_default(12), 6)
    0.166667
    """
    _check_fans(fan_in=fan_in)
    return 1.0 / sqrt(3.0 * fan_in)


def _check_fans(**fans: int) -> None:
    for name, value in fans.items():
        if value < 1:
            raise ValueError(f"Got {name}={value}; need at least 1. Give the number of connections.")
