"""What a short training did, by stated rules and never by eye."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

Behaviour = Literal["decreases", "oscillates", "catapults", "diverges", "rises"]

FAR = 10.0
"""A loss that ends above so many times the start has diverged, as in `measures.outcome`."""
RISE = 0.01
"""Less of the start's loss is no rise."""


def behaviour(
    losses: Sequence[float] | np.ndarray, *, above: bool, sharpness: tuple[float, float] = (math.nan, math.nan)
) -> Behaviour:
    """Name what a loss did over a few dozen steps of one lr.

    In this order, with "end" the mean of the last tenth:

    - "diverges": a loss is not finite, or the end is above 10 times the start;
    - "catapults": the lr is above the limit at the start, the loss rose, ends below the start, and the sharpness at
      the end is below that at the start: a flatter place was found instead of divergence;
    - "oscillates": at least a quarter of the steps raised the loss;
    - "decreases": the end is below the start;
    - "rises": the rest.

    Args:
        losses: (T + 1,), before the first step and after each.
        above: whether the lr is above the stable one at the start.
        sharpness: at the start and at the end, nan where it is not known.

    Returns:
        One of the five.

    Raises:
        ValueError: fewer than two losses.

    Source:
        Lewkowycz, Bahri, Dyer, Sohl-Dickstein and Gur-Ari 2020, arXiv 2003.02218 (the catapult).

    >>> behaviour([1.0, 3.0, 2.0, 0.5, 0.1], above=True, sharpness=(10.0, 4.0))
    'catapults'
    """
    values = np.asarray(losses, dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"Got {len(values)} losses; need at least two: before the first step and after it.")
    start = values[0]
    if not np.isfinite(values).all():
        return "diverges"
    end = float(values[-max(len(values) // 10, 1) :].mean())
    least = RISE * abs(start)
    if end - start > (FAR - 1) * max(abs(start), np.finfo(float).tiny):
        return "diverges"
    if above and values.max() > start + least and end < start and sharpness[1] < sharpness[0]:
        return "catapults"
    steps = np.diff(values)
    if (steps > 1e-6 * abs(start)).mean() >= 0.25:
        return "oscillates"
    return "decreases" if end < start else "rises"
