"""Training and validation data pooled, shuffled and split again."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._tensors import pair, with_data
from trainability.setup import Setup

ANSWERS = ("train-and-validation-differ",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """A split at random, of the same sizes; not where the scale is what differs."""
    if r.split is None or r.split.one_factor:
        return
    yield Change(
        name="shuffle-split",
        family="shuffle-split",
        summary="Shuffle all samples before splitting off the validation data",
        code=(
            "order = torch.randperm(len(X_all))\n"
            "X_all, y_all = X_all[order], y_all[order]  # before the split; not where it is by time or by group"
        ),
        size=2.0,
        answers=ANSWERS,
        touches=("inputs", "targets", "validation"),
        transform=_split,
    )


def _split(setup: Setup, generator: torch.Generator) -> Setup:
    if setup.validation_batches is None:
        return setup
    (x, y), (v, w) = pair(setup.batches), pair(setup.validation_batches)
    order = torch.randperm(len(x) + len(v), generator=torch.Generator().manual_seed(0)).to(x.device)
    inputs, targets = torch.cat([x, v.to(x)])[order], torch.cat([y, w.to(y)])[order]
    n = len(x)
    return with_data(setup, lambda *_: (inputs[:n], targets[:n]), lambda *_: (inputs[n:], targets[n:]))


REMEDY = Prescription("shuffle-split", ANSWERS, propose)
