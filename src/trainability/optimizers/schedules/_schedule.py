"""What every schedule is, and arithmetic on numbers or values per member."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from trainability.optimizers._values import PerMember

AT_LEAST_ONE = (1.0, math.inf)
NOT_NEGATIVE = (0.0, math.inf)


class Schedule(Protocol):
    """The factor on the lr at each step."""

    def __call__(self, step: PerMember) -> PerMember:
        """Give the factor for the update number `step`, counted from 0; a tensor behind a warm-up per member."""


def part(step: PerMember, whole: PerMember) -> PerMember:
    """Give step / whole, at most 1 and at least 0."""
    share = step / whole
    return share.clamp(0.0, 1.0) if isinstance(share, Tensor) else min(max(share, 0.0), 1.0)


def after(step: PerMember, begin: PerMember) -> PerMember:
    """Give the steps since `begin`, at least 0."""
    since = step - begin
    return since.clamp(min=0.0) if isinstance(since, Tensor) else max(since, 0.0)


def cosine(angle: PerMember) -> PerMember:
    """Give the cosine of a number or of each value."""
    return torch.cos(angle) if isinstance(angle, Tensor) else math.cos(angle)


def floored(value: PerMember) -> PerMember:
    """Give the largest whole number that is not above."""
    return torch.floor(value) if isinstance(value, Tensor) else math.floor(value)
