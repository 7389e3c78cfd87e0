"""Remove the last activation, where the loss has its own or the targets lie outside its range."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.setup import Setup

ANSWERS = (
    "softmax-before-cross-entropy",
    "sigmoid-before-cross-entropy",
    "sigmoid-before-bce-with-logits",
    "bounded-logits",
    "relu-on-output",
    "output-range",
)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The model without its last activation."""
    ending = r.start.output
    if not ending.activation:
        return
    yield Change(
        name=f"remove-{ending.activation}",
        family="remove-ending",
        summary=f"Remove the last {ending.activation}",
        code=removal_line(ending),
        size=1.0,
        answers=ANSWERS,
        touches=("ending",),
        transform=partial(_remove, ending=ending),
    )


def _remove(setup: Setup, generator: torch.Generator, *, ending: OutputReading) -> Setup:
    return setup.replaced(model=without_ending(setup.model, ending))


REMEDY = Prescription("remove-ending", ANSWERS, propose)
