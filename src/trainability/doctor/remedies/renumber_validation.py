"""Validation classes by the training data's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._tensors import with_data
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("train-and-validation-differ",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The one-to-one renumbering that was read from the network's own answers."""
    if r.held_out is None or not r.held_out.renumbered:
        return
    pairs = dict(r.held_out.relabelling)
    yield Change(
        name="renumber-validation",
        family="renumber-validation",
        summary=f"Number the validation classes as the training classes are ({len(pairs)} of them differ)",
        code=(
            f"to = {pairs}  # better: build one table of class numbers and use it for both\n"
            "y_val = torch.tensor([to.get(int(k), int(k)) for k in y_val])"
        ),
        size=1.0,
        answers=ANSWERS,
        touches=("validation",),
        transform=partial(_renumber, pairs=pairs),
    )


def _renumber(setup: Setup, generator: torch.Generator, *, pairs: dict[int, int]) -> Setup:
    def mapped(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if y.ndim > 1 and y[0].numel() > 1:
            raise SetupError("the validation labels are no class numbers; renumber them where they are made.")
        new = y.clone()
        for old, now in pairs.items():
            new[y == old] = now
        return x, new

    return with_data(setup, None, mapped)


REMEDY = Prescription("renumber-validation", ANSWERS, propose)
