"""What of the input reaches the output, and whether its order does."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class SightReading:
    """What of the input reaches the output: places that may change without any effect, and their order.

    Args:
        places: numbers of one input that differ between samples; 0 where it was not looked at.
        unseen: share of them that change nothing in the output beyond rounding, with the weights as given and with others.
        which: those places in words; "".
        steps: length of the sequence whose steps were shuffled; 0 where inputs are no sequences.
        order: rms change of the output when each sample's steps are shuffled, over the outputs' standard deviation across
            samples; the largest over the weights as given and others; nan where it was not measured.
        with_order, without_order: held-out correlation with the labels of the best quick learner that sees where things
            stand, and of the best that sees only what is there; nan where it was not asked.
    """

    places: int = 0
    unseen: float = NAN
    which: str = ""
    steps: int = 0
    order: float = NAN
    with_order: float = NAN
    without_order: float = NAN

    @property
    def blind(self) -> bool:
        """Whether nothing that differs between inputs reaches the output."""
        return self.places > 0 and self.unseen >= 1
