"""The running average a <- (1 - B) a + B u as a filter on a sequence u: what passes, how late, how much noise is left.

A frequency f is in cycles per step, 0 for a constant and 1/2 for a sign that flips at every step, which is how gradient
descent leaves its stable range: the limit of the low-pass form is gradient descent's 2/l over the gain at 1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from trainability.theory.stability._numbers import plain, weight_of_new


def response(weight: ArrayLike, frequency: ArrayLike) -> Any:
    """The factor by which the average multiplies a wave of one frequency, as a complex number.

        H(f) = B / (1 - (1 - B) e^(-2 pi i f))

    Args:
        weight: B, the weight on the new value, in (0, 1].
        frequency: f, cycles per step, any number; it repeats with period 1.

    Returns:
        complex, or a complex array.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Oppenheim and Schafer, "Discrete-Time Signal Processing": the first-order recursive filter.

    >>> response(0.5, 0.0)
    (1+0j)
    """
    share = weight_of_new(weight)
    turn = np.exp(-2j * np.pi * np.asarray(frequency, dtype=np.float64))
    found = share / (1 - (1 - share) * turn)
    return complex(found) if np.ndim(found) == 0 else found


def gain(weight: ArrayLike, frequency: ArrayLike) -> Any:
    """The factor on the height of a wave.

        |H(f)| = B / sqrt(B² + 4 (1 - B) sin²(pi f))

    1 at f = 0 and B/(2 - B) at f = 1/2: what flips at every step is damped most, and what is constant not at all.

    Args:
        weight: B, in (0, 1].
        frequency: f, cycles per step.

    Returns:
        In (0, 1], a float or an array.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Derived here from `response`; written so that nothing cancels at small f.

    >>> gain(0.5, 0.0), round(gain(0.1, 0.5), 6)
    (1.0, 0.052632)
    """
    share = weight_of_new(weight)
    wave = np.sin(np.pi * np.asarray(frequency, dtype=np.float64))
    return plain(share / np.sqrt(share**2 + 4 * (1 - share) * wave**2))


def phase(weight: ArrayLike, frequency: ArrayLike) -> Any:
    """The angle by which the average lags behind a wave, in radians.

        angle H(f) = -atan2((1 - B) sin 2 pi f, 1 - (1 - B) cos 2 pi f)

    Args:
        weight: B, in (0, 1].
        frequency: f, cycles per step.

    Returns:
        At most 0 for f in [0, 1/2]; a float or an array.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Derived here from `response`.

    >>> round(phase(0.5, 0.25), 6)
    -0.463648
    """
    kept = 1 - weight_of_new(weight)
    angle = 2 * np.pi * np.asarray(frequency, dtype=np.float64)
    return plain(-np.arctan2(kept * np.sin(angle), 1 - kept * np.cos(angle)))


def cutoff(weight: ArrayLike) -> Any:
    """The frequency at which half the power passes, |H|² = 1/2.

        sin(pi f) = B / (2 sqrt(1 - B))

    Args:
        weight: B, in (0, 1].

    Returns:
        f in cycles per step, about B/(2 pi) for small B; nan above B = 2 sqrt 2 - 2 = 0.8284, where even f = 1/2 passes
        with more than half its power.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Derived here from `gain`.

    >>> round(cutoff(0.1), 6)
    0.016784
    """
    share = weight_of_new(weight)
    with np.errstate(all="ignore"):
        sine = share / (2 * np.sqrt(1 - share))
        return plain(np.where(sine <= 1, np.arcsin(np.minimum(sine, 1.0)) / np.pi, np.nan))


def memory(weight: ArrayLike) -> Any:
    """The mean age of what is in the average, in steps: how late it is for slow changes.

        sum_k k B (1 - B)^k = (1 - B)/B

    Args:
        weight: B, in (0, 1].

    Returns:
        Steps, 0 at B = 1.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Derived here: the mean of the geometric law; the phase at small f is -2 pi f times this.

    >>> round(memory(0.1), 9)
    9.0
    """
    share = weight_of_new(weight)
    return plain((1 - share) / share)


def noise_share(weight: ArrayLike) -> Any:
    """The share of the variance of independent noise that is left in the average.

        sum_k B² (1 - B)^2k = B/(2 - B)

    Args:
        weight: B, in (0, 1].

    Returns:
        In (0, 1]: as if (2 - B)/B gradients were averaged.

    Raises:
        ValueError: a weight outside (0, 1].

    Source:
        Derived here: the geometric sum; it equals the gain at f = 1/2.

    >>> noise_share(1.0), round(noise_share(0.1), 6)
    (1.0, 0.052632)
    """
    share = weight_of_new(weight)
    return plain(share / (2 - share))
