"""What the running averages of batch normalisation hold at the end of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class AveragesReading:
    """Batch normalisation at the end of the run on the weights as given: the same weights, normalised in three ways.

    Args:
        layers: layers that keep running averages.
        slowest: path of the one whose averages hold most of what they started from.
        momentum: of that layer; the share that each batch has in the new average.
        batches: batches that its averages have seen.
        left: (1 - momentum)^batches, the share of its starting value that is left in the average.
        constant_loss: of a constant answer, or the loss at the start where there is none.
        by_batch_loss, by_averages_loss, fresh_loss: training loss by each batch's own statistics, by the averages as
            they are, and by averages taken anew over training batches with the weights at the end.
        score, fresh_score: accuracy or R2 in eval mode, with the averages as they are and taken anew.
    """

    layers: int = 1
    slowest: str = "1"
    momentum: float = 0.1
    batches: int = 880
    left: float = 0.0
    constant_loss: float = 2.3
    by_batch_loss: float = 0.05
    by_averages_loss: float = 0.05
    fresh_loss: float = 0.05
    score: float = math.nan
    fresh_score: float = math.nan
