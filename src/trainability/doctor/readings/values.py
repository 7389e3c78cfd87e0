"""Whether whole numbers among the inputs are quantities or names."""

from __future__ import annotations

import math
from dataclasses import dataclass

NAN = math.nan


@dataclass(frozen=True)
class ValuesReading:
    """What quick learners make of inputs that are whole numbers.

    Args:
        distinct: distinct values in the sample; 0 where it was not looked at.
        as_names: held-out correlation with the labels of the best learner that takes each value for a name and counts
            how often it occurs.
        as_quantities: the same for the best learner that takes values for quantities.
    """

    distinct: int = 0
    as_names: float = NAN
    as_quantities: float = NAN
