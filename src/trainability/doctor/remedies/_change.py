"""What a remedy is before it is proved: a change to a Setup and the lines a user would write for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.setup import Setup, as_setup

Transform = Callable[[Setup, torch.Generator], Setup]


@dataclass(frozen=True)
class Change:
    """A map from Setups to Setups.

    Args:
        name: stable id of the change with its values.
        family: the remedy it comes from; of several changes of one family the smallest that works is kept.
        summary: the change in a few words.
        code: the lines a user would write.
        size: how much of a user's script it touches: about one per line, 1 for a number.
        answers: causes it answers.
        touches: parts of a Setup it decides about; changes that touch the same part are not combined.
        transform: acts on a private copy of a Setup, which it may change and return.
        budget: how many times the steps it trains for; more than 1 is a cost that the summary states.
        parts: the single changes that it is made of, in order; () for one that is single.
    """

    name: str
    family: str
    summary: str
    code: str
    size: float
    answers: tuple[str, ...]
    touches: tuple[str, ...]
    transform: Transform = field(repr=False)
    budget: float = 1.0
    parts: tuple[Change, ...] = field(default=(), repr=False)

    def apply(self, given: Setup | Callable[[], Setup]) -> Setup:
        """The changed Setup; what was given stays as it is.

        Args:
            given: a Setup or a function that builds one.

        Returns:
            A Setup of its own, whose fresh seeds are fresh seeds of the given one, changed.
        """
        base = as_setup(given)

        def origin(seed: int) -> Setup:
            return self.transform(base.seeded(seed), torch.Generator().manual_seed(seed))

        new = self.transform(base.clone(), torch.Generator().manual_seed(0))
        return new.replaced(origin=origin, keep_facts=True)


def together(first: Change, second: Change) -> Change:
    """Both changes, one after the other."""

    def transform(setup: Setup, generator: torch.Generator) -> Setup:
        return second.transform(first.transform(setup, generator), generator)

    return Change(
        name=f"{first.name}+{second.name}",
        family=f"{first.family}+{second.family}",
        summary=f"{first.summary}; and {second.summary[0].lower()}{second.summary[1:]}",
        code=f"{first.code}\n{second.code}",
        size=first.size + second.size,
        answers=tuple(dict.fromkeys(first.answers + second.answers)),
        touches=first.touches + second.touches,
        transform=transform,
        budget=first.budget * second.budget,
        parts=(first.parts or (first,)) + (second.parts or (second,)),
    )


@dataclass(frozen=True)
class Prescription:
    """A family's member: which causes it answers, and the changes it has for a finding.

    Args:
        name: stable id.
        answers: causes.
        propose: (finding, readings) -> changes, the smallest first; none where it does not apply.
    """

    name: str
    answers: tuple[str, ...]
    propose: Callable[[Finding, Readings], Iterable[Change]]
