"""A drop by a factor every so many steps."""

from __future__ import annotations

from dataclasses import dataclass

from trainability.optimizers._values import PerMember, settle
from trainability.optimizers.schedules._schedule import AT_LEAST_ONE, NOT_NEGATIVE, floored


@dataclass(frozen=True)
class Step:
    """gamma^floor(step / every), as `torch.optim.lr_scheduler.StepLR` does it.

    Args:
        every: >= 1, steps between drops, a float or one per member, shape `(E,)`.
        gamma: >= 0, the factor of one drop, a float or one per member.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    >>> [Step(every=2, gamma=0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: PerMember
    gamma: PerMember = 0.1

    def __post_init__(self) -> None:
        settle(self, every=AT_LEAST_ONE, gamma=NOT_NEGATIVE)

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor at a step."""
        return self.gamma ** floored(step / self.every)
