"""Whether training labels are noisier than validation labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class NoiseReading:
    """A quick learner trained on one half of the validation rows, asked about the other half and about training rows.

    Args:
        learner: its name.
        validation: its accuracy on the other half, both halves in turn; training: on training rows.
        validation_n, training_n: rows that these rest on.
        classes: number of classes.
        chance: accuracy of the most frequent class on training rows.
        noise, low, high: share of training labels that are wrong if wrong ones are drawn among the other classes, with
            a 95% interval.
    """

    learner: str = "linear"
    validation: float = 0.95
    training: float = 0.95
    validation_n: int = 150
    training_n: int = 420
    classes: int = 2
    chance: float = 0.5
    noise: float = 0.0
    low: float = -0.05
    high: float = 0.05
