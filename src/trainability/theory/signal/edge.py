"""The edge of chaos: the weight variance at which gradients neither grow nor shrink with depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from trainability.theory.signal._numbers import Array, variance
from trainability.theory.signal.activation import Activation
from trainability.theory.signal.maps import mean_square, slope_square
from trainability.theory.signal.table import ActivationLike, resolve

_PER_DECADE = 24
_NOISE = 1e-13
"""Size of rounding in (q - E phi²/E phi'²)/q."""


class Edge(NamedTuple):
    """A point of the edge of chaos: `sigma_w2` and the fixed point `q` of the variance there."""

    sigma_w2: float
    q: float


def edge_of_chaos(activation: ActivationLike, sigma_b2: float) -> Edge:
    """The weight variance at which chi_1 = 1 at the fixed point q*, and that q*.

        sigma_w² E phi'(sqrt(q) z)² = 1  and  q = sigma_w² E phi(sqrt(q) z)² + sigma_b²
        <=>  q - E phi²/E phi'² = sigma_b²,  sigma_w² = 1/E phi'²

    which leaves one equation in q. What it has, by activation (found by scanning q from 1e-6 to 1e7):

    - tanh, erf, arctan, softsign, sin, hardtanh, relu6, ELU, SELU: one solution for every sigma_b2 > 0, with q* stable;
      for sigma_b2 = 0 it is q* = 0, sigma_w2 = 1 over the mean squared slope at 0: (1, 0) for tanh, (pi/4, 0) for erf;
    - sigmoid, hard_sigmoid, cos, where phi(0) is not 0: one for every sigma_b2, sigma_b2 = 0 included. The sigmoid's
      is far out: sigma_w2 = 103.0, q* = 45.6 for sigma_b2 = 0. Below that it is ordered;
    - GELU, SiLU, mish, hard_silu, tanhshrink: one for every sigma_b2 > 0, but for a small sigma_b2 (at 0.1 still for
      GELU and SiLU, at 1 no longer; always for tanhshrink) the q-map rises faster than q there: q* is unstable,
      networks leave it, and `fixed_point` gives another. `q_slope(activation, sigma_w2, sigma_b2, q)` above 1 says so;
      for sigma_b2 = 0 it is the limit, (4, 0) for GELU, just as unstable;
    - softplus, log_sigmoid: none for any sigma_b2, since q is below E phi²/E phi'² everywhere;
    - linear, ReLU, leaky ReLU of slope a, abs: sigma_b2 = 0 alone, sigma_w2 = 2/(1 + a²), and every q is fixed: q* = 1
      is returned.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_b2: bias variance, at least 0.

    Returns:
        (sigma_w2, q*), a named tuple.

    Raises:
        ValueError: where there is no edge, or more than one (see `edges_of_chaos`).

    Source:
        Schoenholz et al. 2017, arXiv 1611.01232; solved here as one equation.

    >>> w, q = edge_of_chaos("tanh", 0.05)
    >>> round(w, 6), round(q, 6)
    (1.760955, 0.570048)
    """
    act = resolve(activation)
    found = edges_of_chaos(act, sigma_b2)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{act.name} has {len(found)} edges of chaos at sigma_b2={sigma_b2}: {found}; need one. "
            "Call edges_of_chaos for all of them."
        )
    why = "Its edge is at sigma_b2=0 only; give that." if act.slopes is not None else "Give another bias variance."
    raise ValueError(f"{act.name} has no edge of chaos at sigma_b2={sigma_b2}: chi_1 is 1 at no fixed point. {why}")


def edges_of_chaos(activation: ActivationLike, sigma_b2: float) -> list[Edge]:
    """All points of the edge of chaos at one bias variance, by ascending q*; empty where there is none.

    Args:
        activation: a name, an `Activation`, or a function.
        sigma_b2: bias variance, at least 0.

    Returns:
        The points. q* = 0 is one where sigma_b2 = 0 and phi(0) = 0 and phi is not flat there.

    Raises:
        ValueError: for a bad variance.

    >>> edges_of_chaos("softplus", 0.1)
    []
    """
    act, b = resolve(activation), variance("sigma_b2", sigma_b2)
    if act.slopes is not None:
        both = (act.slopes[0] ** 2 + act.slopes[1] ** 2) / 2
        return [Edge(1 / both, 1.0)] if b == 0 and both > 0 else []
    if act.jumps:
        return []
    found = []
    if b == 0 and act(0.0) == 0:
        both = sum(s**2 for s in act.slopes_at_zero()) / 2
        found += [Edge(1 / both, 0.0)] if both > 1e-20 else []
    for low, high in _brackets(act, b):
        q = float(np.exp(brentq(lambda x: float(_excess(act, b, np.exp(np.array(x)))), low, high, xtol=1e-15)))
        found.append(Edge(1 / float(slope_square(act, np.array(q))), q))
    return found


def _excess(act: Activation, b: float, q: Array) -> Array:
    """(q - E phi²/E phi'² - sigma_b²)/q."""
    with np.errstate(all="ignore"):
        return np.nan_to_num((q - mean_square(act, q) / slope_square(act, q) - b) / q, nan=0.0)


def _brackets(act: Activation, b: float) -> list[tuple[float, float]]:
    """Intervals of ln q across which the excess changes sign by more than rounding.

    The scan goes up by decades; once it has found one it looks three decades further, else up to 1e16 times b.
    """
    low = b if b > 0 else 1e-6
    top = 1e16 * max(1.0, b)
    found: list[tuple[float, float]] = []
    last: tuple[float, float] | None = None
    while low < top:
        grid = np.geomspace(low, 10 * low, _PER_DECADE + 1)
        try:
            excess = _excess(act, b, grid)
        except ValueError:  # beyond what the activation can be evaluated or resolved at
            break
        for q, value in zip(grid, excess, strict=True):
            if abs(value) <= _NOISE:
                continue
            if last is not None and last[1] * value < 0:
                found.append((float(np.log(last[0])), float(np.log(q))))
                top = min(top, 1e3 * q)
            last = (float(q), float(value))
        low = float(grid[-1])
    return found
