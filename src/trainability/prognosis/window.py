"""The first steps of a run: its losses so far, and how far the weights have gone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from trainability.doctor.readings import Snapshot
from trainability.setup import Setup

SHARE = 0.1
"""The largest share of the budget that counts as first steps."""


@dataclass(frozen=True, eq=False)
class Window:
    """The beginning of one run.

    Args:
        losses: (k,), the training loss of every step's mini-batch before the step; nan once it is lost.
        movement: |weights - weights at the start| / |weights at the start| after k steps.
        budget: steps of the whole run.
        end: what the probes see after k steps; None where it could not be read.
    """

    losses: np.ndarray
    movement: float
    budget: int
    end: Snapshot | None = None

    @property
    def share(self) -> float:
        """k / budget."""
        return len(self.losses) / self.budget

    @property
    def lost(self) -> bool:
        """Whether a loss was not finite."""
        return not bool(np.isfinite(self.losses).all())


def movement(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """|after - before| / |before| over all tensors; inf where they were 0 and moved."""
    moved = sum(float((a.detach().double() - b.double()).square().sum()) for a, b in zip(after, before, strict=True))
    size = sum(float(b.double().square().sum()) for b in before)
    return math.sqrt(moved / size) if size > 0 else (math.inf if moved else 0.0)


def as_a_batch(seen: Snapshot, setup: Setup, samples: int) -> Snapshot:
    """What was seen on some samples, with the loss as a mini-batch has it: a summed loss grows with the samples."""
    return replace(seen, loss=seen.loss * setup.batches.batch_size / samples) if setup.facts.family.sums else seen
