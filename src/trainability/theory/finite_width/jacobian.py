"""How far the squared singular values of a random ReLU net's Jacobian spread, exactly, at finite width."""

from __future__ import annotations

from collections.abc import Sequence

from trainability.errors import UnknownNameError
from trainability.theory.finite_width._layers import PerLayer, layers

WEIGHTS = ("gaussian", "orthogonal")


def spectrum_variance(
    widths: Sequence[int],
    *,
    fan_in: int,
    weights: str = "gaussian",
    negative_slope: PerLayer = 0.0,
    gain: PerLayer | None = None,
) -> float:
    """The variance of the eigenvalues of J J' over the square of their mean: 0 is dynamical isometry.

        v = n_L E tr(J J')² / (E tr J J')² - 1

    With T = E tr (J J')² and U = E (tr J J')², h2 = (1 + s²)/2, h4 = (1 + s⁴)/2, n -> n' units (T = n_0, U = n_0² at the
    input), up to the fourth power of the weights' scale:

        gaussian      T' = n' h4 (U + 2 T) + n' (n' - 1) h2² T          U' = n' h4 (U + 2 T) + n' (n' - 1) h2² U
        orthogonal    T' = h4 A + h2² (T - A),   A = (U + 2 T)/(n + 2)  U' = h4 A + h2² (U - A)

    Wide ReLU nets of L layers: v -> 2 L for Gaussian weights, L for orthogonal ones; linear nets: L and 0. The variance is
    taken about the mean over all nets, so that it holds the spread between nets too.

    Args:
        widths: n_1..n_L.
        fan_in: n_0, dimension of the input, 1 or more.
        weights: "gaussian", or "orthogonal" (evenly drawn), for which all widths are fan_in.
        negative_slope: s below 0, one number or one per layer; 1 for a linear layer.
        gain: std · sqrt(fan_in); does not change the answer.

    Returns:
        v, 0 or more.

    Raises:
        ValueError: an impossible net, or orthogonal weights with widths that differ.
        UnknownNameError: other weights.

    Source:
        the wide limit, L (h4/h2² - 1 - s_1): Pennington, Schoenholz and Ganguli 2017, arXiv 1711.04735; finite width
        derived here.

    >>> round(spectrum_variance([600] * 10, fan_in=600), 3), round(spectrum_variance([10**9] * 10, fan_in=10**9), 6)
    (20.666, 20.0)
    >>> round(spectrum_variance([600] * 10, fan_in=600, weights="orthogonal"), 3)
    10.227
    """
    net = layers(widths, negative_slope, gain)
    if fan_in < 1 or fan_in != int(fan_in):
        raise ValueError(f"Got fan_in={fan_in}; need a whole number, 1 or more.")
    if weights not in WEIGHTS:
        raise UnknownNameError("weights", weights, list(WEIGHTS))
    if weights == "orthogonal" and any(layer.width != fan_in for layer in net):
        raise ValueError(f"Got widths={list(widths)}, fan_in={fan_in}; orthogonal weights need all of them equal.")
    square, trace2, n = 1.0, float(fan_in), int(fan_in)  # T and U over n_0 (E tr / n_0)²
    for layer in net:
        h2, h4 = (1 + layer.slope**2) / 2, (1 + layer.slope**4) / 2
        excess = h4 / h2**2
        both = trace2 + 2 * square
        if weights == "gaussian":
            n = layer.width
            own, rest = excess * both / n, 1 - 1 / n
            square, trace2 = own + rest * square, own + rest * trace2
        else:
            own = (excess - 1) * both / (n + 2)
            square, trace2 = own + square, own + trace2
    return n * square / fan_in - 1
