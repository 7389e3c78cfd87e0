"""A change that was proved: what to do, the lines for it, and the runs that carry it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from trainability.doctor.remedies import Change
from trainability.doctor.verification import Verification
from trainability.setup import Run, Setup


@dataclass(frozen=True, eq=False)
class Remedy:
    """A verified change.

    Args:
        change: the change itself.
        verification: shares of seeds, with and without it.
        runs: the changed Setup's runs, one per seed.
        cost: time of a run with the change over that of an unchanged one, medians; more steps are part of it.
    """

    change: Change
    verification: Verification
    runs: tuple[Run, ...] = field(repr=False)
    cost: float = field(default=1.0, repr=False)

    @property
    def summary(self) -> str:
        """The change in a few words."""
        return self.change.summary

    @property
    def code(self) -> str:
        """The lines to write."""
        return self.change.code

    @property
    def answers(self) -> tuple[str, ...]:
        """Causes it answers."""
        return self.change.answers

    def apply(self, setup: Setup | Callable[[], Setup]) -> Setup:
        """The changed Setup, untrained; what was given stays as it is."""
        return self.change.apply(setup)


@dataclass(frozen=True)
class Attempt:
    """A change that was tried and is not among the remedies.

    Args:
        summary: the change in a few words.
        name: its id.
        result: what happened, in words.
        outcomes: of its runs.
    """

    summary: str
    name: str
    result: str
    outcomes: tuple[str, ...]
