"""Errors that reach the user: each says what was given, what was needed and what to do."""

from __future__ import annotations


class TrainabilityError(Exception):
    """Base of everything this package raises on purpose; the command line turns it into exit code 2."""


class SetupError(TrainabilityError, ValueError):
    """A Setup that cannot be trained as it was given, for a reason that is an error and not a finding.

    A defect that lets training run and is itself why nothing is learned (a learning rate of 0, NaN in the
    data, parameters missing from the optimizer) is a finding; see `trainability.doctor.rules`.
    """


class UnknownNameError(TrainabilityError, KeyError):
    """A name that no member of a family has; the message gives the nearest one and the whole list."""

    def __init__(self, kind: str, given: str, known: list[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(given, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"Unknown {kind} {given!r}.{hint} Known: {', '.join(sorted(known))}.")

    def __str__(self) -> str:
        return str(self.args[0])
