"""How far a run's loss is from its target at its own pace: what "under-trained, not broken" may rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainability.doctor.readings import RunReading

# A loss that still loses 1.5% in the last third has not settled; at that pace it comes to the target within thirty
# budgets, or something else than the budget holds it.
FALL, BUDGETS = 0.015, 30.0


def budgets(run: RunReading) -> float | None:
    """How many of the present budgets a run needs to its target at the pace of its last third; None for too many.

    Example:
        >>> budgets(RunReading("learning", end_loss=2.0, target=1.0, late_slope=-0.2)) < 3
        True
        >>> budgets(RunReading("stalled", end_loss=2.29, target=1.15, late_slope=-0.001)) is None
        True
    """
    if not (run.late_slope <= -FALL and run.late_slope > -1 and 0 < run.target < run.end_loss < run.start_loss):
        return None
    thirds = math.log(run.end_loss / run.target) / -math.log1p(run.late_slope)
    found = 1 + thirds / 3
    return found if found <= BUDGETS else None


def forecast(runs: Sequence[RunReading]) -> float | None:
    """The largest of all runs' budgets to the target; None unless every run falls steadily towards it.

    Example:
        >>> forecast([]) is None
        True
    """
    found = [budgets(run) for run in runs]
    known = [b for b in found if b is not None]
    return max(known) if known and len(known) == len(found) else None
