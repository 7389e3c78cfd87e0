"""The learning rate along a run, for steps that hold a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from trainability.doctor.readings import ScheduleReading
from trainability.setup import Setup

LOOKS = 120  # evenly, and as many again crowded towards the start


class ScheduleProbe:
    """Looks at a Setup's learning rate while it is trained.

    Args:
        setup: about to be trained.
        steps: of the run.
    """

    def __init__(self, setup: Setup, steps: int) -> None:
        self.setup, self.steps = setup, steps
        self.seen: dict[int, float] = {}
        even, crowded = np.linspace(0, steps - 1, LOOKS), np.geomspace(1, max(steps - 1, 1), LOOKS)
        wanted = {0, *even.astype(int).tolist(), *crowded.astype(int).tolist()}
        self.at = sorted(i for i in wanted if i < steps) if setup.step is not None else []

    def look(self, step: int) -> Callable[[], None]:
        """What to call before a step."""
        return partial(self._look, step)

    def reading(self) -> ScheduleReading | None:
        """What was seen; None without an own step, and for a learning rate that is no number above 0."""
        steps = np.array(sorted(self.seen))
        lrs = np.array([self.seen[int(s)] for s in steps])
        if len(lrs) < 2 or not np.isfinite(lrs).all() or not lrs.max() > 0:
            return None
        peak = float(lrs.max())
        above = np.flatnonzero(lrs > 0.1 * peak)
        after = int(above[-1]) + 1
        widths = np.diff(np.append(steps, self.steps))
        return ScheduleReading(
            first=float(lrs[0]),
            peak=peak,
            last=float(lrs[-1]),
            peak_step=int(steps[lrs.argmax()]),
            tenfold_step=int(steps[after]) if after < len(steps) else self.steps,
            area=float((lrs * widths).sum() / (peak * self.steps)),
            steps=self.steps,
        )

    def _look(self, step: int) -> None:
        groups = getattr(self.setup.optimizer, "param_groups", ())
        self.seen[step] = max((float(group.get("lr", math.nan)) for group in groups), default=math.nan)
