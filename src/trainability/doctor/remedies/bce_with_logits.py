"""Binary cross-entropy on the value before the last sigmoid, whose gradient does not vanish when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._class_loss import yes_or_no_lines
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.setup import Setup

ANSWERS = ("saturated-output", "log-of-softmax")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Logits and BCEWithLogitsLoss, where yes or no is asked."""
    ending = r.start.output
    if r.task not in ("binary", "multi-label") or ending.activation != "sigmoid":
        return
    yield Change(
        name="bce-with-logits",
        family="bce-with-logits",
        summary="Give the logits to binary cross-entropy instead of a squashed value to this loss",
        code=f"{removal_line(ending)}\n{yes_or_no_lines(r)}",
        size=2.0,
        answers=ANSWERS,
        touches=("ending", "loss"),
        transform=partial(_change, ending=ending),
    )


def _change(setup: Setup, generator: torch.Generator, *, ending: OutputReading) -> Setup:
    return setup.replaced(model=without_ending(setup.model, ending), loss_fn=yes_or_no_loss)


def yes_or_no_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy on logits, for targets of any type with as many values."""
    return nn.functional.binary_cross_entropy_with_logits(logits, target.reshape(logits.shape).to(logits.dtype))


REMEDY = Prescription("bce-with-logits", ANSWERS, propose)
