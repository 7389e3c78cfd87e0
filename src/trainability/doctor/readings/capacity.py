"""How much of the input a network lets through."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CapacityReading:
    """The narrowest hidden layer and the units that dropout leaves.

    Args:
        layer: the hidden linear layer with the fewest units for the numbers it takes and those that must come out; "".
        units: its units; 0 where there is no hidden linear layer.
        fan_in: numbers that go into it.
        outputs: numbers that the model answers with per input.
        sequential: whether it stands in an `nn.Sequential`, elementwise layers and then a linear one behind it.
        dropout: the dropout with the fewest units left, its module's path, or "dropout" for a function; "".
        dropout_p: its share of units set to 0 in training, in [0, 1].
        dropout_units: units (channels) it is applied to.
        dropout_kept: (1 - p) * units, the expected number that is left; inf without dropout.
        dropouts: number of dropouts that are modules.
    """

    layer: str = "2"
    units: int = 64
    fan_in: int = 64
    outputs: int = 10
    sequential: bool = True
    dropout: str = ""
    dropout_p: float = 0.0
    dropout_units: int = 0
    dropout_kept: float = math.inf
    dropouts: int = 0
