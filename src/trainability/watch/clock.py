"""When to look: as often as a share of the loop's own time pays for, and more rarely as a run gets long."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque

WARM = 8
"""Steps after the first look in which only the loop's own time is learned."""

FIRST, RATIO = 3, 3.0
"""Every one of the first steps is looked at, then at least every step that is so many times the one before."""

GROWTH = 4.0
"""The distance between looks grows by at most this, so that one slow look does not blind the next thousand steps."""


class Clock:
    """Plans the steps that are looked at, so that looking costs at most a share of the time of the rest.

        steps to the next look = 1 up to the third step, then
                                 max(cost / (share · time of a plain step), steps so far / density),
                                 at most four times the steps to this one, and twice the steps so far

    The last line makes looks at 3, 9, 27, 81, ... whatever they cost: a run of a few hundred steps gets six of them, and
    ten times as many steps two more.

    Args:
        share: of the loop's own time, above 0.
        density: looks for every e-fold of the run's length; keeps logs short and early steps dense.
        every: a fixed distance in steps instead; None to adapt.

    Example:
        >>> clock = Clock(0.02, 200)
        >>> [clock.gap(step, cost=math.nan) for step in (1, 2, 3, 9)]
        [1, 1, 6, 9]
        >>> clock.plain(0.8, 8)
        >>> clock.gap(18, cost=0.05)
        25
    """

    def __init__(self, share: float, density: int, every: int | None = None) -> None:
        self.share, self.density, self.every = share, density, every
        self._plain: deque[float] = deque(maxlen=5)
        self._costs: deque[float] = deque(maxlen=5)
        self._gap = float(WARM)
        self._last = time.perf_counter()

    @staticmethod
    def now() -> float:
        """Seconds on the clock that all times here are read from."""
        return time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last call."""
        now = time.perf_counter()
        took, self._last = now - self._last, now
        return took

    def plain(self, seconds: float, steps: int) -> None:
        """So many steps without a look took so long."""
        if steps > 0:
            self._plain.append(seconds / steps)

    @property
    def usual(self) -> float:
        """Seconds of a plain step; nan before there was any."""
        return statistics.median(self._plain) if self._plain else math.nan

    def gap(self, step: int, *, cost: float) -> int:
        """Steps from a look to the next one.

        Args:
            step: the one that was looked at.
            cost: seconds more than a plain step took; nan for one that does not count, as the first does not: it warms
                caches.

        Returns:
            A whole number, at least 1.
        """
        if self.every is not None:
            return self.every
        if cost == cost:
            self._costs.append(max(cost, 0.0))
        usual = self.usual
        if step < FIRST:
            return 1
        if not self._costs or usual != usual:
            self._gap = float(1 + WARM)
        else:
            affordable = statistics.median(self._costs) / max(self.share * usual, 1e-9)
            self._gap = min(max(1.0, affordable, step / self.density), GROWTH * self._gap)
        return math.ceil(min(self._gap, (RATIO - 1) * step))
