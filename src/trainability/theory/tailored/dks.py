"""Deep Kernel Shaping: constants around an activation that keep a deep plain network's kernel well behaved."""

from __future__ import annotations

from math import exp, log, pi, sqrt

import numpy as np
from scipy.optimize import brentq

from trainability.theory.signal import Activation, leaky_relu, resolve
from trainability.theory.signal._numbers import Array
from trainability.theory.signal.table import ActivationLike
from trainability.theory.tailored._solve import Moments, gentlest, moments, search
from trainability.theory.tailored.networks import Network, local_slope
from trainability.theory.tailored.transformed import Transformed

_RELU_LIMIT = 1.0 / (1.0 - 1.0 / pi)
"""C'(1) of a centred ReLU without input shift: (1/2)/(1/2 - 1/(2 pi))."""
_SHIFTS = (1.0, 0.5, 0.25, 0.0, 2.0, -0.5, -1.0, -2.0)
_SCALES = (0.1, 1.0)


def dks(
    activation: ActivationLike,
    slope: float | None = None,
    *,
    network: Network | None = None,
    target: float = 1.5,
    q_slope: float = 1.0,
) -> Transformed:
    """The constants that Deep Kernel Shaping puts around an activation.

        f(u) = output_scale (phi(input_scale u + input_shift) + output_shift)
        Q(1) = 1,  Q'(1) = q_slope,  C(0) = 0,  C'(1) = slope

    with Q(q) = E f(sqrt(q) z)² and C(c) = E f(u1) f(u2) at unit variances. output_shift = -E phi and output_scale =
    1/std(phi) give C(0) = 0 and Q(1) = 1; the other two are solved for by Powell's hybrid method from fixed starts. Of
    several solutions the one of least input_scale² output_scale, the factor on phi'', is returned, and of mirror images
    (odd phi) the one with input_shift > 0.

    The ReLU has one constant less, as scaling its input is scaling its output: input_shift is 1 (slope below 1.4669)
    or -1 (above), and Q'(1) is what it is. For the name leaky_relu the slope below 0 is solved for too; with
    q_slope = 1 the input is not shifted.

    Args:
        activation: a name, an `Activation`, or a function.
        slope: C'(1) of one layer, above 1; or give `network`.
        network: the network, whose slope `target` is turned into that of a layer by `local_slope`.
        target: slope of the whole network, used with `network` alone; 1.5 as published.
        q_slope: Q'(1), 1 as published.

    Returns:
        The transformed activation with its constants.

    Raises:
        ValueError: for a slope that is not above 1 or that this activation does not reach.

    Source:
        Martens et al. 2021, arXiv 2110.01765. The reference constants in the tests are of the program that goes with it.

    >>> from trainability.theory.tailored import resnet
    >>> f = dks("tanh", network=resnet(), target=1.2)
    >>> round(f.input_scale, 8), round(f.input_shift, 7), round(f.output_shift, 7), round(f.output_scale, 6)
    (0.07461073, 0.5566915, -0.5034379, 18.002636)
    """
    if (slope is None) == (network is None):
        raise ValueError(f"Got slope={slope} and network={network}; need exactly one of them.")
    if slope is None:
        assert network is not None
        slope = local_slope(network, target)
    if not 1 < slope < np.inf:
        raise ValueError(f"Got slope={slope}; need a slope above 1 (at 1 the activation is linear).")
    act = resolve(activation)
    if isinstance(activation, str) and act is resolve("leaky_relu"):
        return _leaky_relu(slope, q_slope)
    if act.slopes is not None:
        return _fixed_slopes(act, slope)
    return _smooth(act, slope, q_slope)


def _build(act: Activation, scale: float, shift: float, negative_slope: float | None = None) -> Transformed:
    m = moments(act, scale, shift)
    return Transformed(act, scale, shift, -m.mean, 1.0 / sqrt(m.variance), negative_slope)


def _errors(m: Moments, slope: float, q_slope: float) -> list[float]:
    """Distance from both targets in units of slope - 1, the size of all deviations from linear."""
    return [(m.slope / m.variance - slope) / (slope - 1), (m.mixed / m.variance - q_slope) / (slope - 1)]


def _smooth(act: Activation, slope: float, q_slope: float) -> Transformed:
    def residuals(x: Array) -> list[float]:
        return _errors(moments(act, exp(x[0]), x[1]), slope, q_slope)

    guess = 1.3 * sqrt(slope - 1)
    roots = search(residuals, [(log(s), b) for s in (guess, *_SCALES) for b in _SHIFTS])
    if not roots:
        raise ValueError(
            f"Found no constants that give {act.name} C'(1)={slope} with Q'(1)={q_slope}; need a slope closer to 1, or "
            "another activation."
        )
    return gentlest([_build(act, exp(x[0]), float(x[1])) for x in roots])


def _fixed_slopes(act: Activation, slope: float) -> Transformed:
    """ReLU-like: the scale is solved for at an input shift of 1 or -1."""
    assert act.slopes is not None
    if act.slopes[0] == act.slopes[1]:
        raise ValueError(f"Got {act.name}, a linear function, whose C'(1) is 1; need a nonlinear one.")

    def excess(log_scale: float, shift: float) -> float:
        m = moments(act, exp(log_scale), shift)
        return m.slope / m.variance - slope

    for shift in (1.0, -1.0):
        grid = np.linspace(-2.2, 12.0, 58)  # below, the kink is out of the Gaussian's reach
        values = np.array([excess(x, shift) for x in grid])
        turns = np.nonzero(values[:-1] * values[1:] < 0)[0]
        if len(turns):
            i = int(turns[0])
            scale = exp(float(brentq(excess, grid[i], grid[i + 1], args=(shift,), xtol=1e-14, rtol=1e-14)))
            return _build(act, scale, shift)
    raise ValueError(f"Found no constants that give {act.name} C'(1)={slope}; need a slope closer to 1.")


def _leaky_relu(slope: float, q_slope: float) -> Transformed:
    """The slope below 0 is the unknown; without an input shift it is the root of a quadratic."""
    # C'(1) = (1 + a²)/(1 + a² - (1 - a)²/pi) = s  <=>  (1 + a²)(1 - 1/s) = (1 - a)²/pi
    k = pi * (1 - 1 / slope)
    if k >= 2:
        raise ValueError(f"Got slope={slope}; a leaky ReLU reaches {1 / (1 - 2 / pi):.4f} at most. Need a smaller one.")
    a = (1 - sqrt(max(k * (2 - k), 0.0))) / (1 - k) if abs(k - 1) > 1e-12 else 0.0
    shift = 0.0
    if q_slope != 1:

        def residuals(x: Array) -> list[float]:
            return _errors(moments(leaky_relu(float(x[0])), 1.0, float(x[1])), slope, q_slope)

        roots = search(residuals, [(a, b) for b in (0.0, 0.1, -0.1, 1.0, -1.0)])
        if not roots:
            raise ValueError(f"Found no leaky ReLU with C'(1)={slope} and Q'(1)={q_slope}; need q_slope closer to 1.")
        a, shift = (float(v) for v in min(roots, key=lambda x: abs(x[1])))
    return _build(leaky_relu(a), 1.0, shift, a)
