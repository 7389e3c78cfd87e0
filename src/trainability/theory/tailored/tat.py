"""Tailored Activation Transformation: deep plain networks whose kernel bends as little as wanted."""

from __future__ import annotations

from functools import partial
from math import exp, log, sqrt

import numpy as np

from trainability.theory.signal import Activation, leaky_relu, resolve
from trainability.theory.signal._numbers import Array
from trainability.theory.signal.table import ActivationLike
from trainability.theory.tailored._solve import Moments, gentlest, moments, search
from trainability.theory.tailored.networks import Network, local_curvature, local_negative_slope
from trainability.theory.tailored.transformed import Transformed

_SHIFTS = (1.0, 0.5, 0.25, 0.0, 2.0, -0.5, -1.0, -2.0)
_SCALES = (0.1, 1.0)


def tat(
    activation: ActivationLike,
    curvature: float | None = None,
    *,
    network: Network | None = None,
    target: float | None = None,
    q_slope: float = 1.0,
) -> Transformed:
    """The constants that the Tailored Activation Transformation puts around an activation.

        f(u) = output_scale (phi(input_scale u + input_shift) + output_shift)
        Q(1) = 1,  Q'(1) = q_slope,  C'(1) = 1,  C''(1) = curvature            (smooth phi)

    with C'(1) = E f'², C''(1) = E f''². output_scale follows from C'(1) = 1 and output_shift from Q(1) = 1, a quadratic
    of which both roots are tried. Of several solutions the one of least input_scale² output_scale, the factor on phi'', is
    returned, and of mirror images (odd phi) the one with input_shift > 0.

    For the name leaky_relu, C(0) of the whole network is the target instead: the slope below 0 is solved for, and
    output_scale = sqrt(2/(1 + slope²)) gives Q(q) = q.

    Args:
        activation: a name, an `Activation` with a second derivative.
        curvature: C''(1) of one layer, above 0; or give `network`.
        network: the network, whose `target` is turned into that of a layer.
        target: with `network`: curvature of the whole, 0.3 as published and by default; for leaky_relu C_f(0), 0.9.
        q_slope: Q'(1), 1 as published; it does not apply to leaky_relu.

    Returns:
        The transformed activation with its constants.

    Raises:
        ValueError: for a curvature not above 0 or out of reach, or an activation whose slope jumps (ReLU, SELU), as
            its C''(1) is infinite.

    Source:
        Zhang, Botev and Martens 2022, "Deep learning without shortcuts: shaping the kernel with tailored rectifiers",
        ICLR. The reference constants in the tests are of the program that goes with it.

    >>> from trainability.theory.tailored import resnet
    >>> f = tat("leaky_relu", network=resnet(), target=0.75)
    >>> round(f.negative_slope, 8), round(f.output_scale, 8)
    (0.62918003, 1.19699655)
    >>> g = tat("tanh", 0.2 / 65.8)
    >>> round(g.input_scale, 8), round(g.input_shift, 6)
    (0.05802052, 0.521864)
    """
    if (curvature is None) == (network is None):
        raise ValueError(f"Got curvature={curvature} and network={network}; need exactly one of them.")
    act = resolve(activation)
    if isinstance(activation, str) and act is resolve("leaky_relu"):
        if network is None:
            raise ValueError(
                "The leaky ReLU has no curvature at c = 1; need network= and a target for C(0) of the whole."
            )
        a = local_negative_slope(network, 0.9 if target is None else target)
        return Transformed(leaky_relu(a), output_scale=sqrt(2 / (1 + a * a)), negative_slope=a)
    if act.second_derivative is None:
        raise ValueError(f"{act.name} has no second derivative; need one. Give Activation(..., second_derivative=...).")
    for k in act.kinks:
        if abs(act.slope(np.nextafter(k, -np.inf)) - act.slope(np.nextafter(k, np.inf))) > 1e-9:
            raise ValueError(
                f"The slope of {act.name} jumps at {k:g}, so that C''(1) is infinite; need a smooth activation, or the "
                "name 'leaky_relu', for which another construction exists."
            )
    if curvature is None:
        assert network is not None
        curvature = local_curvature(network, 0.3 if target is None else target)
    if not 0 < curvature < np.inf:
        raise ValueError(f"Got curvature={curvature}; need one above 0.")
    return _smooth(act, curvature, q_slope)


def _outer(m: Moments, side: float) -> tuple[float, float]:
    """output_shift and output_scale for C'(1) = 1 and Q(1) = 1."""
    # Var phi <= E (dphi/dz)² for Gaussian z, so that the root exists
    return -m.mean + side * sqrt(max(m.slope - m.variance, 0.0)), 1.0 / sqrt(m.slope)


def _smooth(act: Activation, curvature: float, q_slope: float) -> Transformed:
    def residuals(x: Array, side: float) -> list[float]:
        m = moments(act, exp(x[0]), x[1])
        shift, factor = _outer(m, side)
        rise = factor**2 * (m.mixed + (m.mean + shift) * m.drift)
        return [(factor**2 * m.bend - curvature) / curvature, (rise - q_slope) / curvature]

    found = []
    starts = [(log(scale), b) for scale in (sqrt(curvature), *_SCALES) for b in _SHIFTS]
    for side in (1.0, -1.0):
        for x in search(partial(residuals, side=side), starts):
            m = moments(act, exp(x[0]), float(x[1]))
            found.append(Transformed(act, exp(x[0]), float(x[1]), *_outer(m, side)))
    if not found:
        raise ValueError(
            f"Found no constants that give {act.name} C''(1)={curvature} with Q'(1)={q_slope}; need a smaller curvature, "
            "or another activation."
        )
    return gentlest(found)
