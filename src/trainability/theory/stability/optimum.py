"""The best learning rate and momentum when curvatures lie between a smallest and a largest one.

Best means: the slowest direction is as fast as it can be. With these rules that is one of the two ends, so that only the
ends matter, by their ratio k = largest/smallest. Directions that are not to be learned are left out of the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.stability._numbers import Array, above_zero, plain


@dataclass(frozen=True)
class Optimum:
    """The best hyper-parameters of a rule, and what they give; floats, or arrays in one shape.

    Args:
        lr: the learning rate.
        momentum: b, in [0, 1).
        rate: factor per step of the slowest direction, in [0, 1): the spectral radius.
    """

    lr: Any
    momentum: Any
    rate: Any


@dataclass(frozen=True)
class LowPassOptimum:
    """The best hyper-parameters of the low-pass form; floats, or arrays in one shape.

    Args:
        lr: the learning rate.
        weight: B on the new gradient, in (0, 1].
        rate: factor per step of the slowest direction, in [0, 1).
    """

    lr: Any
    weight: Any
    rate: Any


def gradient_descent(smallest: ArrayLike, largest: ArrayLike) -> Optimum:
    """The best lr of gradient descent.

        lr = 2 / (l1 + ln),   rate (k - 1)/(k + 1)

    Args:
        smallest: l1, the smallest curvature that is to be learned, > 0.
        largest: ln, >= l1.

    Returns:
        Optimum, with momentum 0.

    Raises:
        ValueError: curvatures that are not above 0 or the wrong way round.

    Source:
        Goh 2017, "Why momentum really works", Distill, section "Choosing a step-size".

    >>> round(gradient_descent(1.0, 100.0).rate, 6)
    0.980198
    """
    low, high = _ends(smallest, largest)
    return Optimum(plain(2 / (low + high)), plain(np.zeros_like(low)), plain((high - low) / (high + low)))


def heavy_ball(smallest: ArrayLike, largest: ArrayLike) -> Optimum:
    """The best lr and momentum of heavy ball, in torch's form without dampening.

        lr = (2 / (sqrt l1 + sqrt ln))²,   b = ((sqrt k - 1)/(sqrt k + 1))²,   rate (sqrt k - 1)/(sqrt k + 1)

    All directions between the ends have the same rate, sqrt(b): their roots are complex. At the ends they are equal, so
    that w_t there falls as t rate^t.

    Args:
        smallest: l1, the smallest curvature that is to be learned, > 0.
        largest: ln, >= l1.

    Returns:
        Optimum.

    Raises:
        ValueError: curvatures that are not above 0 or the wrong way round.

    Source:
        Polyak 1964, "Some methods of speeding up the convergence of iteration methods"; Goh 2017, "Why momentum really
        works", Distill, section "Optimal parameters".

    >>> best = heavy_ball(1.0, 100.0)
    >>> round(best.lr, 6), round(best.momentum, 6), round(best.rate, 6)
    (0.033058, 0.669421, 0.818182)
    """
    low, high = (np.sqrt(end) for end in _ends(smallest, largest))
    rate = (high - low) / (high + low)
    return Optimum(plain((2 / (low + high)) ** 2), plain(rate**2), plain(rate))


def nesterov(smallest: ArrayLike, largest: ArrayLike) -> Optimum:
    """The best lr and momentum of Nesterov's rule, in torch's form.

        lr = 4 / (3 ln + l1),   b = (sqrt(3k + 1) - 2)/(sqrt(3k + 1) + 2),   rate 1 - 2 / sqrt(3k + 1)

    The usual choice lr = 1/ln, b = (sqrt k - 1)/(sqrt k + 1) gives 1 - 1/sqrt k, which is slower.

    Args:
        smallest: l1, the smallest curvature that is to be learned, > 0.
        largest: ln, >= l1.

    Returns:
        Optimum.

    Raises:
        ValueError: curvatures that are not above 0 or the wrong way round.

    Source:
        Lessard, Recht and Packard 2016, "Analysis and design of optimization algorithms via integral quadratic
        constraints", Proposition 1.

    >>> best = nesterov(1.0, 100.0)
    >>> round(best.lr, 6), round(best.momentum, 6), round(best.rate, 6)
    (0.013289, 0.793275, 0.884722)
    """
    low, high = _ends(smallest, largest)
    root = np.sqrt(3 * high / low + 1)
    return Optimum(plain(4 / (3 * high + low)), plain((root - 2) / (root + 2)), plain(1 - 2 / root))


def low_pass(smallest: ArrayLike, largest: ArrayLike) -> LowPassOptimum:
    """The best lr and weight of the low-pass form: heavy ball's best in its terms.

        B = 1 - b = 4 sqrt k / (sqrt k + 1)²,   lr = lr_heavy_ball / B = 1 / sqrt(l1 ln)

    The lr is the inverse of the geometric mean of the ends, and the filter does the rest.

    Args:
        smallest: l1, the smallest curvature that is to be learned, > 0.
        largest: ln, >= l1.

    Returns:
        LowPassOptimum.

    Raises:
        ValueError: curvatures that are not above 0 or the wrong way round.

    Source:
        Derived here from `heavy_ball` by SGD(lr=lr B, momentum=1 - B).

    >>> best = low_pass(1.0, 100.0)
    >>> round(best.lr, 6), round(best.weight, 6), round(best.rate, 6)
    (0.1, 0.330579, 0.818182)
    """
    low, high = (np.sqrt(end) for end in _ends(smallest, largest))
    rate = (high - low) / (high + low)
    return LowPassOptimum(plain(1 / (low * high)), plain(4 * low * high / (low + high) ** 2), plain(rate))


def _ends(smallest: ArrayLike, largest: ArrayLike) -> tuple[Array, Array]:
    low, high = np.broadcast_arrays(above_zero("smallest", smallest), above_zero("largest", largest))
    if not np.all(low <= high):
        raise ValueError(
            f"Got smallest={smallest!r} and largest={largest!r}; need smallest <= largest. Give them the other way round."
        )
    return low, high
