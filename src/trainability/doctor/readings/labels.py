"""Whether the labels can be learned from the inputs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelReading:
    """What ties labels to inputs, measured on the data alone and against labels that were shuffled."""
