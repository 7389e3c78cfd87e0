"""A sigmoid where a softmax over one output stood."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.setup import Setup

ANSWERS = ("constant-output",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Sigmoid for softmax over one output."""
    ending = r.start.output
    if r.task == "regression":
        return
    yield Change(
        name="sigmoid-for-softmax",
        family="sigmoid-ending",
        summary="End with a sigmoid instead of a softmax over one output",
        code=removal_line(ending, "nn.Sigmoid()"),
        size=1.0,
        answers=ANSWERS,
        touches=("ending",),
        transform=partial(_replace, ending=ending),
    )


def _replace(setup: Setup, generator: torch.Generator, *, ending: OutputReading) -> Setup:
    return setup.replaced(model=without_ending(setup.model, ending, nn.Sigmoid()))


REMEDY = Prescription("sigmoid-ending", ANSWERS, propose)
