"""The learning rate over a run, where the user's own step may move it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduleReading:
    """The learning rate of the run on the weights as given, the largest among the groups, looked at along the way.

    Args:
        first, peak, last: before the first step, at its highest, before the last step.
        peak_step: where it was highest first.
        tenfold_step: the first step from which on it is at most a tenth of the peak; `steps` where there is none.
        area: the sum of the learning rates of all steps over peak * steps, in (0, 1]: 1 for a constant one, 1/2 for a
            straight line or a cosine to 0.
        steps: of the run.
    """

    first: float = 0.1
    peak: float = 0.1
    last: float = 0.1
    peak_step: int = 0
    tenfold_step: int = 880
    area: float = 1.0
    steps: int = 880
