"""The best that a unit can do on relu(x) while its elbow stays, or while its weight and output keep their signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from trainability.theory.one_relu._convention import factor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """Units slope · relu(side · (x - elbow)) + offset with the least loss for their elbow.

    Args:
        slope: output · |weight|, of either sign.
        offset: added to it.
        loss: what is left, in the asked convention.
    """

    slope: Array
    offset: Array
    loss: Array


def best_for_elbow(elbow: ArrayLike, *, side: int, convention: str = "half") -> Fit:
    """The least squares fit of relu(x), x ~ N(0, 1), by one unit with a given elbow and an offset.

        g(x) = relu(side (x - elbow)):   slope = Cov(g, relu) / Var g,   loss = f/2 (Var relu - Cov² / Var g)

    Args:
        elbow: where the unit switches, any shape.
        side: the sign of the weight: 1 for a unit that is on above its elbow, -1 for one that is on below.
        convention: "half" or "mse".

    Returns:
        Fit, arrays in the shape of `elbow`.

    Raises:
        ValueError: side is not 1 or -1; an elbow is not finite, or so far on the side of the unit that nothing is left
            of the density there.
        UnknownNameError: another convention.

    Source: derived here; equal to a search over slope and offset on `loss_surface.loss`.

    >>> fit = best_for_elbow([0.0, 1.0], side=1, convention="mse")
    >>> fit.slope.round(3).tolist(), fit.loss.round(4).tolist()
    ([1.0, 1.834], [0.0, 0.1109])
    """
    e = np.asarray(elbow, float)
    if side not in (1, -1):
        raise ValueError(f"Got side={side}; need 1 or -1, the sign of the weight.")
    if not np.isfinite(e).all():
        raise ValueError("Got an elbow that is not finite; need finite numbers. The limits are `floor`.")
    # h is the unit that is on beyond the elbow, away from 0; the other one is ±(x - e) + h, which keeps all digits.
    far = np.abs(e)
    density, tail = np.exp(-0.5 * far * far) / math.sqrt(2 * math.pi), ndtr(-far)
    mean = density - far * tail
    spread = np.maximum((1 + far * far) * tail - far * density - mean * mean, 0.0)
    right = e >= 0
    together = np.where(right, tail, 0.0) - mean / math.sqrt(2 * math.pi)
    whole = right != (side == 1)
    variance = np.where(whole, 1 - 2 * tail + spread, spread)
    covariance = np.where(whole, 0.5 * side, 0.0) + together
    if not (variance > 0).all():
        raise ValueError("Got an elbow beyond which no float holds the density; need one within 30 of 0 on that side.")
    slope = covariance / variance
    middle = np.where(whole, far, 0.0) + mean
    left = 0.5 - 1 / (2 * math.pi) - covariance * slope
    f = factor(convention)
    return Fit(slope, 1 / math.sqrt(2 * math.pi) - slope * middle, 0.5 * f * np.maximum(left, 0.0))


def floor(weight_sign: int, output_sign: int, *, convention: str = "half") -> float:
    """The infimum of the loss on relu(x) over all units output · relu(weight · x + bias) + offset with those signs.

        (+, +)  0                       the target itself
        (-, -)  f/2 (1/4 - 1/(2 pi))    the straight line x/2 + 1/sqrt(2 pi), in the limit elbow -> inf; no minimum
        mixed   f/2 (1/2 - 1/(2 pi))    the constant 1/sqrt(2 pi), as output -> 0 or the unit leaves the data; no minimum

    With signs (-, -) the student is concave and the target convex. The residual of the target's least squares line is
    convex and orthogonal to lines, so its product with any concave function has a mean <= 0, and no concave function
    does better than the line. With mixed signs the student falls where the target rises, so their covariance is <= 0,
    and none does better than a constant.

    Args:
        weight_sign, output_sign: 1 or -1.
        convention: "half" or "mse".

    Returns:
        The infimum.

    Raises:
        ValueError: a sign other than 1 and -1.
        UnknownNameError: another convention.

    Source: derived here; the tests hold it against `best_for_elbow` over a grid of elbows.

    >>> [round(floor(w, a, convention="mse"), 4) for w, a in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
    [0.0, 0.0908, 0.3408, 0.3408]
    """
    if weight_sign not in (1, -1) or output_sign not in (1, -1):
        raise ValueError(f"Got signs {weight_sign} and {output_sign}; need 1 or -1 for each.")
    f = factor(convention)
    if weight_sign != output_sign:
        return 0.5 * f * (0.5 - 1 / (2 * math.pi))
    return 0.0 if weight_sign == 1 else 0.5 * f * (0.25 - 1 / (2 * math.pi))
