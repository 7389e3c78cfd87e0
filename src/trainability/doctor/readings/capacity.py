"""How much of the input a network lets through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CapacityReading:
    """The narrowest layer and the share of units that dropout leaves."""
