"""No change."""

from __future__ import annotations

from dataclasses import dataclass

from trainability.optimizers._values import PerMember, settle
from trainability.optimizers.schedules._schedule import NOT_NEGATIVE


@dataclass(frozen=True)
class Constant:
    """The same factor at every step.

    Args:
        factor: >= 0, a float or one per member, shape `(E,)`.

    Raises:
        ValueError: a factor that is negative or NaN.

    >>> Constant()(100)
    1.0
    """

    factor: PerMember = 1.0

    def __post_init__(self) -> None:
        settle(self, factor=NOT_NEGATIVE)

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor."""
        return self.factor
