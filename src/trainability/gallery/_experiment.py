"""What a gallery entry gives: the numbers, and each claim as predicted and as measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Claim:
    """One statement and its test.

    Args:
        says: the statement, in words; where a source's claim is wrong or imprecise it says so.
        predicted: the number or range that theory gives, in words.
        measured: the number seen, in words.
        holds: whether they agree.
    """

    says: str
    predicted: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Reproduction:
    """A reproduced result.

    Args:
        claims: each with its test.
        data: the numbers behind the figure: a frozen record of the entry's own.
    """

    claims: tuple[Claim, ...]
    data: Any

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(claim.holds for claim in self.claims)


class Experiment(Protocol):
    """A gallery module.

    `TITLE` says in a line what is reproduced; `SOURCE` where it was published, with the place in it.
    """

    TITLE: str
    SOURCE: str

    def run(self, *, smoke: bool = False, progress: Progress | None = None) -> Reproduction:
        """Do the experiment; `smoke` does a small one in a few seconds, whose claims hold as well."""
        ...

    def figure(self, reproduction: Reproduction) -> Figure:
        """Draw it."""
        ...
