"""Two labels as 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._tensors import pair, with_data
from trainability.setup import Setup

ANSWERS = ("degenerate-labels",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """0 for the smaller and 1 for the larger, where there are two."""
    labels = r.labels
    if labels.distinct != 2 or (labels.low >= 0 and labels.high <= 1):
        return
    yield Change(
        name="renumber-labels",
        family="renumber-labels",
        summary=f"Number the labels 0 and 1 instead of {labels.low:g} and {labels.high:g}",
        code="y = (y == y.max()).to(y.dtype)",
        size=0.5,
        answers=ANSWERS,
        touches=("targets",),
        transform=_renumber,
    )


def _renumber(setup: Setup, generator: torch.Generator) -> Setup:
    high = pair(setup.batches)[1].max()

    def renumbered(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, (y == high).to(y.dtype)

    return with_data(setup, renumbered, renumbered)


REMEDY = Prescription("renumber-labels", ANSWERS, propose)
