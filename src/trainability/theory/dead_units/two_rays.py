"""Born dead with one input dimension and no biases: two rays, x > 0 and x < 0, travel through the net together.

On each ray the net is linear in |x|, so that all that matters is which of the two hidden vectors are not 0 and the angle
between them: for Gaussian weights that is a Markov chain. Its states are both rays alive at angle t, one alive, none. With
N units after angle t (a unit is off on both rays with probability 1/2 - t/(2 pi)):

    both -> none  ((pi - t)/(2 pi))^N        both -> one  2 (2^-N - ((pi - t)/(2 pi))^N)        one -> none  2^-N

After the first layer the two vectors have no unit in common: t = pi/2. The angle after the second layer has no law in closed
form, so that probabilities are exact through two hidden layers. Beyond, the angle is drawn and the probabilities above are
added up without drawing, which makes rare deaths cost no more than frequent ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, pi, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rays:
    """What is left of the two rays after each hidden layer; every array is (L - 1,).

    Args:
        none: probability that both rays are 0: the net is born dead.
        one: probability that just one is: the net is constant on half of its inputs.
        both: probability that neither is.
        standard_error: of `none`; 0 where it is exact.
        angle: mean angle between the two rays, given that both are alive; nan if they cannot be.
    """

    none: Array
    one: Array
    both: Array
    standard_error: Array
    angle: Array

    @property
    def dead(self) -> float:
        """The probability of being born dead."""
        return float(self.none[-1])


def two_rays(widths: Sequence[int], *, samples: int = 20_000, seed: int = 0) -> Rays:
    """The probability that a ReLU net with one input and no biases is born dead, layer by layer.

        N_1 units, then N_2:  P(dead) = 2^(1-N_1) 2^(-N_2) + (1 - 2^(1-N_1)) 4^(-N_2)   (any symmetric weights)

    From the third hidden layer on: conditional Monte Carlo for Gaussian weights of any scale, unbiased (see this module's
    head).

    Args:
        widths: N_1..N_{L-1}, of the hidden layers, each 1 or more.
        samples: chains to draw, 2 or more; not used with two hidden layers or fewer.
        seed: of the chains.

    Returns:
        Rays.

    Raises:
        ValueError: no widths, one below 1, or fewer than 2 samples.

    Source:
        derived here; Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733, has the one-dimensional net.

    >>> two_rays([2, 2]).dead, two_rays([3, 3]).dead
    (0.15625, 0.04296875)
    >>> made = two_rays([10] * 4)
    >>> 8e-5 < made.dead < 1e-4
    True
    """
    sizes = np.array(list(widths), dtype=np.int64)
    if not len(sizes) or (sizes < 1).any() or (sizes != np.array(list(widths))).any():
        raise ValueError(f"Got widths={list(widths)}; need one or more whole numbers, each 1 or more.")
    if samples < 2:
        raise ValueError(f"Got samples={samples}; need 2 or more for a standard error.")
    runs = samples if len(sizes) > 2 else 1
    sums = _chains(sizes, runs, np.random.default_rng(seed))
    none, one, both = sums[0] / runs, sums[1] / runs, sums[2] / runs
    spread = np.maximum(sums[3] / runs - none**2, 0.0)
    spread[:2] = 0.0
    angle = np.divide(sums[4], sums[2], out=np.full(len(sizes), np.nan), where=sums[2] > 0)
    return Rays(none, one, both, np.sqrt(spread / max(runs - 1, 1)), angle)


@njit(cache=True)
def _chains(widths, runs, rng):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Sums over chains of P(none), P(one), P(both), P(none)² and P(both) angle, by layer."""
    sums = np.zeros((5, widths.size))
    a, b = np.empty(widths.max()), np.empty(widths.max())
    for _ in range(runs):
        none, one = 0.0, 2.0 ** (1 - widths[0])
        both, t = 1.0 - one, pi / 2
        for layer in range(widths.size):
            n = widths[layer]
            if layer > 0:
                single = 2.0**-n
                joint = ((pi - t) / (2 * pi)) ** n
                none += one * single + both * joint
                one = one * (1 - single) + both * 2 * (single - joint)
                both *= 1 - 2 * single + joint
                if both > 0:
                    t = _next_angle(t, a, b, n, rng)
            sums[0, layer] += none
            sums[1, layer] += one
            sums[2, layer] += both
            sums[3, layer] += none * none
            sums[4, layer] += both * t
    return sums


@njit(cache=True)
def _next_angle(t, a, b, n, rng):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Draw the angle after n units, given that both rays are alive after them."""
    c, s = np.cos(t), np.sin(t)
    while True:
        left, right = 0.0, 0.0
        for i in range(n):
            z = rng.standard_normal()
            y = c * z + s * rng.standard_normal() if t > 0 else z
            a[i], b[i] = max(z, 0.0), max(y, 0.0)
            left += a[i] * a[i]
            right += b[i] * b[i]
        if left > 0 and right > 0:
            break
    left, right, apart, along = 1 / sqrt(left), 1 / sqrt(right), 0.0, 0.0
    for i in range(n):
        apart += (a[i] * left - b[i] * right) ** 2
        along += (a[i] * left + b[i] * right) ** 2
    return 2 * atan2(sqrt(apart), sqrt(along))
