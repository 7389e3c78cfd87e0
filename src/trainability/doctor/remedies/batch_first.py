"""The batch first, for recurrent, attention and transformer layers that expect time there."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("samples-mixed-in-batch",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """`batch_first=True` for every module that has the option, where one of them got the batch for time."""
    if not r.graph.mixing.swapped:
        return
    yield Change(
        name="batch-first",
        family="batch-first",
        summary="Set batch_first=True in the recurrent, attention and transformer layers",
        code=(
            "for module in model.modules():  # or batch_first=True where they are built\n"
            '    if hasattr(module, "batch_first"):\n'
            "        module.batch_first = True"
        ),
        size=1.0,
        answers=ANSWERS,
        touches=("batch-dimension",),
        transform=_flip,
    )


def _flip(setup: Setup, generator: torch.Generator) -> Setup:
    for module in setup.model.modules():
        if getattr(module, "batch_first", None) is False:
            module.batch_first = True  # type: ignore[assignment]
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("batch-first", ANSWERS, propose)
