"""The sharpness of a live run, as often as its share of the loop's time pays for."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from trainability.doctor.readings import CurvatureReading
from trainability.watch.clock import Clock
from trainability.watch.curvature import live_curvature
from trainability.watch.state import NAN

SHARPNESS = {"default": 0.0, "full": 0.08}  # share of the loop's own time
GUESS = 60  # plain steps that the first one may take


class SharpnessBudget:
    """Measures when enough of the loop's time has gone by since.

    Args:
        optimizer: the torch optimizer; None for a loop without one, where nothing is measured.
        detail: "default" or "full".
    """

    def __init__(self, optimizer: Any, detail: str) -> None:
        self.optimizer, self.share = optimizer, SHARPNESS[detail]
        self.off = self.share == 0 or optimizer is None
        self.due = 10
        self.newest: CurvatureReading | None = None
        self.aside = 0.0  # seconds that went into it since they were last taken
        self._spent, self._cost = 0.0, NAN

    def measure(self, loss: Tensor, step: int, clock: Clock, began: float) -> CurvatureReading | None:
        """The sharpness of this loss where it is due and paid for; None otherwise.

        Args:
            loss: with its graph, which is kept.
            step: steps taken.
            clock: knows what a plain step takes; began: the time at which the run did.
        """
        if self.off or step < self.due:
            return None
        now, usual = clock.now(), clock.usual
        if usual != usual:
            return None
        expected = self._cost if self._cost == self._cost else GUESS * usual
        short = (self._spent + expected) / self.share - (now - began)
        if short > 0:
            self.due = step + math.ceil(min(short / usual, 1e6) / 2)
            return None
        found = live_curvature(loss, self.optimizer, step)
        self._cost = clock.now() - now
        self._spent += self._cost
        self.aside += self._cost
        self.due = step + max(1, step // 100)
        if found is None:
            self.off = True
            return None
        self.newest = found
        return found

    def taken(self) -> float:
        """Seconds since the last call that were no part of the loop's own."""
        aside, self.aside = self.aside, 0.0
        return aside
