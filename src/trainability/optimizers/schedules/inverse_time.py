"""One over time."""

from __future__ import annotations

from dataclasses import dataclass

from trainability.optimizers._values import PerMember, settle
from trainability.optimizers.schedules._schedule import NOT_NEGATIVE


@dataclass(frozen=True)
class InverseTime:
    """1 / (1 + decay · step)^power.

    With power in (1/2, 1] the factors sum to infinity and their squares do not: what stochastic approximation needs to
    converge. With power 1 it is Adagrad's own `lr_decay`.

    Args:
        decay: >= 0, per step, a float or one per member, shape `(E,)`.
        power: >= 0, a float or one per member.

    Raises:
        ValueError: a value that is negative or NaN, or values for different numbers of members.

    Source: Robbins & Monro 1951 for the two sums.

    >>> InverseTime(decay=0.5)(2)
    0.5
    """

    decay: PerMember
    power: PerMember = 1.0

    def __post_init__(self) -> None:
        settle(self, decay=NOT_NEGATIVE, power=NOT_NEGATIVE)

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor at a step."""
        return (1 + self.decay * step) ** -self.power
