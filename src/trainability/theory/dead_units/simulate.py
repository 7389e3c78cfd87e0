"""Plain Monte Carlo of nets that are born dead on given data, with biases and with randomized asymmetric initialization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from trainability.errors import UnknownNameError
from trainability.theory import wilson

RAI_SIGMA = 0.6007
"""The scale of a row in randomized asymmetric initialization: variance RAI_SIGMA²/fan_in."""

SCHEMES = ("normal", "uniform", "rai")


@dataclass(frozen=True, eq=False)
class Born:
    """How many of the drawn nets are born dead.

    Args:
        dead: nets of which some hidden layer is 0 on all points.
        samples: nets drawn.
        share: dead / samples.
        low: lower end of the Wilson interval of the share.
        high: its upper end.
        first: (L - 1,), nets by the first hidden layer that is 0 on all points.
        units: (L - 1,), mean share of a layer's units that are 0 on all points, dead nets included.
    """

    dead: int
    samples: int
    share: float
    low: float
    high: float
    first: NDArray[np.int64]
    units: NDArray[np.float64]


def simulate(
    widths: Sequence[int],
    points: ArrayLike,
    *,
    scheme: str = "normal",
    bias_std: float = 0.0,
    samples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Born:
    """Draw ReLU nets and count those born dead on the given points.

        normal   w ~ N(0, 2/fan_in),           b ~ N(0, bias_std²)
        uniform  w ~ U(+-sqrt(6/fan_in)),      b ~ N(0, bias_std²)
        rai      [w, b] ~ N(0, 0.6007²/fan_in), then one entry of each unit's [w, b], chosen evenly, is drawn from Beta(2, 1)

    With one input dimension and no biases the points [-1, 1] stand for all inputs. With biases, dead on the points does
    not mean dead everywhere.

    Args:
        widths: N_1..N_{L-1}, of the hidden layers, each 1 or more.
        points: (n, d), or (n,) for d = 1.
        scheme: "normal", "uniform" or "rai".
        bias_std: of "normal" and "uniform", 0 or more; "rai" has its own biases.
        samples: nets to draw, 1 or more.
        seed: of the nets.
        confidence: of the Wilson interval.

    Returns:
        Born.

    Raises:
        ValueError: impossible widths, points, bias_std or samples.
        UnknownNameError: another scheme.

    Source:
        Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733, for the question and for "rai".

    >>> made = simulate([2] * 4, [-1.0, 1.0], samples=4000)
    >>> made.low < 0.498 < made.high
    True
    """
    sizes = np.array(list(widths))
    if not sizes.size or (sizes < 1).any() or (sizes != sizes.astype(np.int64)).any():
        raise ValueError(f"Got widths={list(widths)}; need one or more whole numbers, each 1 or more.")
    data = np.asarray(points, float)
    data = np.ascontiguousarray(data[:, None] if data.ndim == 1 else data)
    if data.ndim != 2 or not data.size or not np.isfinite(data).all():
        raise ValueError(f"Got points of shape {np.shape(points)}; need finite numbers (n, d), or (n,) for d = 1.")
    if scheme not in SCHEMES:
        raise UnknownNameError("scheme", scheme, list(SCHEMES))
    if not (isfinite(bias_std) and bias_std >= 0) or (scheme == "rai" and bias_std):
        raise ValueError(f"Got bias_std={bias_std} with {scheme!r}; need 0 or more, and 0 for 'rai'.")
    if samples < 1:
        raise ValueError(f"Got samples={samples}; need 1 or more.")
    first, units = _draw(
        sizes.astype(np.int64), data, SCHEMES.index(scheme), float(bias_std), samples, np.random.default_rng(seed)
    )
    dead = int(first.sum())
    low, high = wilson.interval(dead, samples, confidence)
    return Born(dead, samples, dead / samples, low, high, first, units / samples / sizes)


@njit(cache=True)
def _draw(widths, data, scheme, bias_std, samples, rng):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Nets by their first dead layer, and dead units by layer, summed over nets."""
    n, depth = data.shape[0], widths.size
    widest = max(data.shape[1], widths.max())
    first, units = np.zeros(depth, np.int64), np.zeros(depth)
    x, z, row = np.empty((n, widest)), np.empty((n, widest)), np.empty(widest + 1)
    for _ in range(samples):
        fan = data.shape[1]
        x[:, :fan] = data
        died = False
        for layer in range(depth):
            width, off = widths[layer], 0
            for unit in range(width):
                bias = _row(row, fan, scheme, bias_std, rng)
                alive = False
                for p in range(n):
                    total = bias
                    for j in range(fan):
                        total += row[j] * x[p, j]
                    z[p, unit] = max(total, 0.0)
                    alive = alive or total > 0.0
                if not alive:
                    off += 1
            x, z, fan = z, x, width
            units[layer] += off
            if off == width and not died:
                died = True
                first[layer] += 1
                if scheme != 2 and bias_std == 0.0:  # nothing comes back to life
                    units[layer + 1 :] += widths[layer + 1 :]
                    break
    return first, units


@njit(cache=True)
def _row(row, fan, scheme, bias_std, rng):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Draw one unit's weights into `row`; returns its bias."""
    if scheme == 2:
        std = RAI_SIGMA / sqrt(fan)
        for j in range(fan + 1):
            row[j] = std * rng.standard_normal()
        row[min(int(rng.random() * (fan + 1)), fan)] = sqrt(rng.random())  # Beta(2, 1)
        return row[fan]
    for j in range(fan):
        row[j] = sqrt(2 / fan) * rng.standard_normal() if scheme == 0 else sqrt(6 / fan) * (2 * rng.random() - 1)
    return bias_std * rng.standard_normal() if bias_std > 0.0 else 0.0
