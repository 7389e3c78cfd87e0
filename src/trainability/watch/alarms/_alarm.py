"""What an alarm is: one pure function from the state of a live run to a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trainability.doctor.finding import Finding
from trainability.watch.state import State


@dataclass(frozen=True)
class Alarm:
    """One cause and how it is told while a run goes on.

    Args:
        cause: stable id; the rule of the same id has the page that explains it.
        judge: state -> a finding, or None.
        sick: states that must give the finding.
        healthy: states that must not.
    """

    cause: str
    judge: Callable[[State], Finding | None]
    sick: tuple[State, ...]
    healthy: tuple[State, ...]
