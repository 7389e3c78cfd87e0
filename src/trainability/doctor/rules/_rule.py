"""What a rule is: a page of explanation around one pure function from readings to a finding."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings


@dataclass(frozen=True)
class Rule:
    """One cause and how it is told.

    Args:
        cause: stable id.
        title: the cause in a few words.
        why: why it keeps a network from training.
        not_meant: what it does not mean.
        source: where this is known from, with the place in it, and the origin of the thresholds.
        judge: readings -> a finding, or None.
        sick: readings that must give the finding.
        healthy: readings that must not.
    """

    cause: str
    title: str
    why: str
    not_meant: str
    source: str
    judge: Callable[[Readings], Finding | None]
    sick: tuple[Readings, ...]
    healthy: tuple[Readings, ...]


def fmt(value: float) -> str:
    """A number as people write it: three digits, powers of ten where they are shorter.

    Example:
        >>> fmt(0.17999), fmt(4.2e-27), fmt(1284.0), fmt(1.0)
        ('0.18', '4.2e-27', '1280', '1')
    """
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.3g}"
        return f"{float(text):g}" if "e" in text else text
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def share(value: float) -> str:
    """A share in percent.

    Example:
        >>> share(0.125), share(1.0)
        ('12%', '100%')
    """
    if value != value:
        return "unknown"
    return f"{100 * value:.0f}%" if value >= 0.01 or value == 0 else f"{100 * value:.1g}%"
