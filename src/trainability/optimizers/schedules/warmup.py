"""A straight way up, then another schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainability.optimizers._values import PerMember, settle
from trainability.optimizers.schedules._schedule import AT_LEAST_ONE, NOT_NEGATIVE, Schedule, after, part
from trainability.optimizers.schedules.constant import Constant


@dataclass(frozen=True)
class Warmup:
    """From `begin` to 1 in equal differences over `steps` updates, then the schedule `then` from its own step 0.

    `torch.optim.lr_scheduler.LinearLR(start_factor=begin, total_iters=steps)` with the default `then`. With values per
    member each member leaves the warm-up at its own step, and `then` is asked for a tensor of steps, 0 until then.

    Args:
        steps: >= 1, a float or one per member, shape `(E,)`.
        begin: >= 0, the factor at step 0, a float or one per member.
        then: what follows; nothing changes by default.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    >>> [Warmup(steps=4, begin=0.0)(step) for step in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    steps: PerMember
    begin: PerMember = 1 / 3
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        settle(self, steps=AT_LEAST_ONE, begin=NOT_NEGATIVE)

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor at a step."""
        up = self.begin + (1 - self.begin) * part(step, self.steps)
        return up * self.then(after(step, self.steps))
