"""Half a cosine down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainability.optimizers._values import PerMember, settle
from trainability.optimizers.schedules._schedule import AT_LEAST_ONE, NOT_NEGATIVE, cosine, part


@dataclass(frozen=True)
class Cosine:
    """low + (1 - low) (1 + cos(pi step / total)) / 2 up to step `total`, `low` from there on.

    `torch.optim.lr_scheduler.CosineAnnealingLR(T_max=total, eta_min=low · lr)` up to `total`; torch's goes up again after.

    Args:
        total: >= 1, steps, a float or one per member, shape `(E,)`.
        low: >= 0, the factor at the end, a float or one per member.

    Raises:
        ValueError: a value that is out of range or NaN, or values for different numbers of members.

    Source: Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5, without restarts.

    >>> [round(Cosine(total=4)(step), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    total: PerMember
    low: PerMember = 0.0

    def __post_init__(self) -> None:
        settle(self, total=AT_LEAST_ONE, low=NOT_NEGATIVE)

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor at a step."""
        return self.low + (1 - self.low) * (1 + cosine(math.pi * part(step, self.total))) / 2
