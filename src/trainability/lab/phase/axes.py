"""An axis of a phase diagram: what is varied, between which ends, and the values of its cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import isfinite
from typing import Any

import numpy as np

from trainability.errors import TrainabilityError

LOG = ("lr", "scale", "weight_decay", "batch_size", "eps")
"""Names whose axis is logarithmic unless told otherwise (and where it does not begin at 0)."""

WHOLE = ("batch_size",)


class AxisError(TrainabilityError, ValueError):
    """An axis that cannot be mapped as it was given."""


@dataclass(frozen=True)
class Axis:
    """One axis.

    Args:
        name: what is varied.
        low, high: its ends, finite, low below high; above 0 for a logarithmic axis.
        log: whether cells are evenly spaced in the logarithm.
        whole: whether values are whole numbers; an axis then has no more cells than whole numbers.
        given: the values of the cells where they are not evenly spaced, rising; () to space them evenly.

    Raises:
        AxisError: ends that are not finite, empty, reversed, or not above 0 on a logarithmic axis.

    >>> Axis("lr", 1e-2, 1.0, log=True).values(3).tolist()
    [0.01, 0.1, 1.0]
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    given: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        said = f"axis {self.name}: given {self.low:g} to {self.high:g}"
        if not (isfinite(self.low) and isfinite(self.high)):
            raise AxisError(f"{said}, needed two finite numbers, as in {self.name}=0.01:1.")
        if self.low == self.high:
            raise AxisError(f"{said}, which is empty; needed a low end below the high end.")
        if self.low > self.high:
            raise AxisError(f"{said}, needed the low end first. Give {self.name}={self.high:g}:{self.low:g}.")
        if self.log and self.low <= 0:
            raise AxisError(
                f"{said} on a logarithmic axis, needed both ends above 0. Begin above 0, or give "
                f"{self.name}={self.low:g}:{self.high:g}:linear."
            )
        if self.whole and np.floor(self.high) <= np.ceil(self.low):
            raise AxisError(f"{said}, needed two whole numbers or more in between, since {self.name} is one.")

    def values(self, count: int) -> np.ndarray:
        """The values of `count` cells, ends included, rising; fewer where whole numbers run out.

        >>> Axis("batch_size", 1, 4, log=True, whole=True).values(9).tolist()
        [1.0, 2.0, 3.0, 4.0]
        """
        if self.given:
            return np.array(self.given)
        low, high = (np.ceil(self.low), np.floor(self.high)) if self.whole else (self.low, self.high)
        found = np.geomspace(low, high, count) if self.log else np.linspace(low, high, count)
        found[0], found[-1] = low, high
        return np.unique(np.round(found)) if self.whole else found

    def between(self, old: np.ndarray, count: int) -> Axis:
        """An axis through all of `old`, with as many values evenly spaced between two of them as makes about `count`.

        >>> Axis("x", 0.0, 9.0).between(np.array([2.0, 3.0, 4.0]), 5).values(5).tolist()
        [2.0, 2.5, 3.0, 3.5, 4.0]
        """
        parts = max(1, round((count - 1) / (len(old) - 1)))
        share = np.arange(parts) / parts
        known = np.log(old) if self.log else old
        inner = known[:-1, None] + np.diff(known)[:, None] * share
        inner = np.exp(inner) if self.log else inner
        inner[:, 0] = old[:-1]  # to the last bit, so that runs that are known stay known
        found = np.append(inner.ravel(), old[-1])
        if self.whole:
            found = np.unique(np.round(found))
        return replace(self, low=float(old[0]), high=float(old[-1]), given=tuple(found.tolist()))


def axis(given: object) -> Axis:
    """An Axis from what a user writes.

    Args:
        given: an Axis; "NAME=LOW:HIGH", with ":log" or ":linear" behind it to insist; or (name, low, high).
            Logarithmic without being told for lr, scale, weight_decay, batch_size and eps that begin above 0.

    Returns:
        Axis.

    Raises:
        AxisError: anything else, or ends that make no axis.

    >>> axis("lr=1e-4:1").log, axis("momentum=0:0.99").log, axis(("scale", 0.1, 10)).log
    (True, False, True)
    """
    if isinstance(given, Axis):
        return given
    if isinstance(given, str):
        name, equals, ends = given.partition("=")
        parts = [p.strip() for p in ends.split(":")]
        if not equals or not name.strip() or len(parts) not in (2, 3) or "" in parts:
            raise AxisError(f"axis {given!r}: needed NAME=LOW:HIGH, as in lr=1e-4:1 or lr=0:1:linear.")
        kind = parts[2] if len(parts) == 3 else ""
        return _made(name.strip(), parts[0], parts[1], kind)
    if isinstance(given, (tuple, list)) and len(given) in (3, 4):
        return _made(str(given[0]), given[1], given[2], str(given[3]) if len(given) == 4 else "")
    raise AxisError(f"an axis is {given!r}; needed 'NAME=LOW:HIGH', (name, low, high) or an Axis.")


def _made(name: str, low: Any, high: Any, kind: str) -> Axis:
    if kind not in ("", "log", "linear"):
        near = get_close_matches(kind, ["log", "linear"], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise AxisError(f"axis {name}: given {kind!r} for its spacing, needed log or linear.{hint}")
    ends = []
    for end in (low, high):
        try:
            ends.append(float(end))
        except (TypeError, ValueError):
            raise AxisError(f"axis {name}: given {end!r}, needed a number, as in {name}=0.01:1.") from None
    return Axis(name, ends[0], ends[1], log=kind == "log" or (kind == "" and name in LOG), whole=name in WHOLE)
