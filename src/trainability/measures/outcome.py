"""What became of a run, by rule and never by eye."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Literal

import numpy as np

Outcome = Literal["diverged", "stalled", "learning", "trained"]


def end_loss(losses: Sequence[float]) -> float:
    """The mean training loss over the last tenth of a run.

        mean of the last max(1, floor(n / 10)) losses

    Args:
        losses: the training loss of every step, oldest first; at least one.

    Returns:
        The mean; infinite or nan when a loss among them is.

    Raises:
        ValueError: for no losses.

    Source:
        This package's own rule.

    >>> end_loss([9.0] * 18 + [1.0, 2.0])
    1.5
    """
    n = len(losses)
    if n == 0:
        raise ValueError("Got no losses; need the training loss of at least one step.")
    with np.errstate(all="ignore"):
        return float(np.mean(np.asarray(losses[-max(1, n // 10) :], dtype=np.float64)))


def default_target(start_loss: float, constant_loss: float) -> float:
    """The loss at or below which a run counts as trained, when its problem states none.

        Lc / 2;  L0 / 2 where Lc is 0 or not finite;  none (minus infinity) where that is not above 0 either

    Half of a loss means something only where 0 is a perfect loss. A loss whose best constant answer is
    below 0 (a density's log-likelihood, a cosine) has no such zero: it needs a target from its problem.

    Args:
        start_loss: L0, the training loss before the first step.
        constant_loss: Lc, the loss of the best constant answer on the same data; nan when it is not known.

    Returns:
        The target, or minus infinity where there is no sensible one.

    Source:
        This package's own rule.

    >>> default_target(2.5, 2.3)
    1.15
    >>> default_target(2.5, float("nan"))
    1.25
    """
    if isfinite(constant_loss) and constant_loss != 0:
        return constant_loss / 2 if constant_loss > 0 else -np.inf
    return start_loss / 2 if isfinite(start_loss) and start_loss > 0 else -np.inf


def outcome(losses: Sequence[float], start_loss: float, constant_loss: float, target: float | None = None) -> Outcome:
    """The one word for what became of a run.

    With `end` the mean of the last tenth, the first line that holds decides:

        diverged   a loss in the last tenth is not finite
        diverged   end > 10 max(L0, Lc)
        stalled    end >= 0.98 min(L0, Lc)
        trained    end <= target
        learning   otherwise

    So a run that starts below its target and stays there is stalled: nothing moved. L0 and Lc are each left
    out where they are not finite, and Lc where it is 0 (no answer beats it). With neither left, a finite run
    can only be judged by its target. For references below 0 the margins are taken by size: diverged above
    max + 9 |max|, stalled from min - 0.02 |min|.

    Args:
        losses: the training loss of every step, oldest first; at least one.
        start_loss: L0, the training loss before the first step.
        constant_loss: Lc, the loss of the best constant answer on the same data; nan when it is not known.
        target: the problem's own target; by default `default_target(start_loss, constant_loss)`.

    Returns:
        "diverged", "stalled", "learning" or "trained".

    Raises:
        ValueError: for no losses.

    Source:
        This package's own rule; the shares 10, 0.98 and 1/2 are conventions.

    >>> outcome([2.4, 1.8, 0.3], start_loss=2.4, constant_loss=2.3)
    'trained'
    >>> outcome([2.4, 2.3, 2.3], start_loss=2.4, constant_loss=2.3)
    'stalled'
    """
    end = end_loss(losses)
    if not isfinite(end):
        return "diverged"
    if target is None:
        target = default_target(start_loss, constant_loss)
    references = [start_loss] if isfinite(start_loss) else []
    if isfinite(constant_loss) and constant_loss != 0:
        references.append(constant_loss)
    if references:
        worst, best = max(references), min(references)
        if end > (10 * worst if worst >= 0 else -8 * worst):
            return "diverged"
        if end >= (0.98 * best if best >= 0 else 1.02 * best):
            return "stalled"
    return "trained" if end <= target else "learning"
