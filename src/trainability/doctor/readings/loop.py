"""What the user's own training step does, in the order in which it does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoopReading:
    """The order of forward, clearing, backward and step, as watched in the user's own training step."""
