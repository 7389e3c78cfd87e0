"""The layers of a net, checked: width, slope below 0 and weight gain of each."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import NamedTuple

PerLayer = float | Sequence[float]


class Layer(NamedTuple):
    """One layer: its width, its slope below 0, and its gain std · sqrt(fan_in)."""

    width: int
    slope: float
    gain: float


def layers(widths: Sequence[int], negative_slope: PerLayer, gain: PerLayer | None) -> list[Layer]:
    """Spread scalars over the layers and refuse what makes no net."""
    sizes = list(widths)
    if not sizes or any(n < 1 or n != int(n) for n in sizes):
        raise ValueError(f"Got widths={sizes}; need one or more whole numbers, each 1 or more, such as [50, 50, 50].")
    slopes = _spread("negative_slope", negative_slope, len(sizes))
    if gain is None:
        gains = [sqrt(2 / (1 + s * s)) for s in slopes]
    else:
        gains = _spread("gain", gain, len(sizes))
        if any(g <= 0 for g in gains):
            raise ValueError(f"Got gain={gain}; need gains above 0, such as sqrt(2) for He's.")
    return [Layer(int(n), s, g) for n, s, g in zip(sizes, slopes, gains, strict=True)]


def _spread(name: str, value: PerLayer, count: int) -> list[float]:
    values = [float(v) for v in value] if isinstance(value, Sequence) else [float(value)] * count
    if len(values) != count or not all(isfinite(v) for v in values):
        raise ValueError(f"Got {name}={value}; need one finite number, or one for each of the {count} layers.")
    return values
