"""A yes or no of its own for each label."""

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

ANSWERS = ("exclusive-output-for-non-exclusive-labels",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Logits and binary cross-entropy, without a softmax where the model ends with one."""
    ending = r.start.output
    if ending.columns < 2 or not r.labels.several > 0:
        return
    soft = ending.activation in ("softmax", "log_softmax")
    yield Change(
        name="independent-outputs",
        family="independent-outputs",
        summary="Answer each label by itself: "
        + ("logits without the softmax, " if soft else "")
        + "BCEWithLogitsLoss",
        code=(f"{removal_line(ending)}\n" if soft else "") + _lines(r),
        size=2.0 if soft else 1.0,
        answers=ANSWERS,
        touches=("ending", "loss"),
        transform=partial(_change, ending=ending if soft else None),
    )


def _lines(r: Readings) -> str:
    if r.loss.target_shape == r.loss.output_shape:
        return yes_or_no_lines(r)
    return (
        f"y = nn.functional.one_hot(y.flatten().long(), {r.start.output.columns}).float()\n"
        "loss_fn = nn.BCEWithLogitsLoss()"
    )


def _change(setup: Setup, generator: torch.Generator, *, ending: OutputReading | None) -> Setup:
    model = without_ending(setup.model, ending) if ending is not None else setup.model
    y = setup.batches.sample(1)[1]
    rows = y.ndim > 1
    return setup.replaced(
        model=model,
        loss_fn=each_label,
        task="multi-label" if rows else setup.task,
        task_reason="stated" if rows else setup.task_reason,
    )


def each_label(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each column with its 0 or 1; class numbers count as one-hot rows."""
    if target.shape != logits.shape:
        target = nn.functional.one_hot(target.reshape(-1).long(), logits.shape[1])
    return nn.functional.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))


REMEDY = Prescription("independent-outputs", ANSWERS, propose)
