"""What can be wrong with a sweep, and how it is said: every problem with the field it is at."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from trainability.errors import TrainabilityError


class SweepError(TrainabilityError, ValueError):
    """A sweep that cannot be run as it was given.

    Args:
        problems: (field, what is wrong) pairs, such as ("axes.lr", "given ..., needed ...").
        source: the file they are in; "" for a sweep made in Python.

    >>> print(SweepError([("axes.lrr", "there is no such axis.")], "sweep.toml"))
    sweep.toml, axes.lrr: there is no such axis.
    """

    def __init__(self, problems: Sequence[tuple[str, str]], source: str = "") -> None:
        self.problems, self.source = list(problems), source
        lead = f"{source}, " if source else ""
        super().__init__("\n".join(f"{lead}{field}: {says}" if field else f"{lead}{says}" for field, says in problems))

    def __reduce__(self) -> tuple[type[SweepError], tuple[list[tuple[str, str]], str]]:
        return SweepError, (self.problems, self.source)


class StoreError(TrainabilityError, RuntimeError):
    """A folder of results that cannot be begun, gone on with or written."""


def nearest(given: str, known: Sequence[str]) -> str:
    """A hint for a name that nobody has, and the names there are.

    >>> nearest("lrr", ["lr", "seed"])
    "Did you mean 'lr'? Known: lr, seed."
    """
    small = {name.lower(): name for name in known}
    near = get_close_matches(given.lower(), list(small), n=1, cutoff=0.5)
    hint = f"Did you mean {small[near[0]]!r}? " if near else ""
    return f"{hint}Known: {', '.join(sorted(known))}."
