"""The standard loss of the task, on values that nothing squashes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._class_loss import class_loss, class_loss_lines, yes_or_no_lines
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.setup import Setup

ANSWERS = ("loss-does-not-fit-the-task", "log-of-unnormalised-output", "output-range")
DISTANCES = ("mse", "l1", "huber")
SQUASHING = ("sigmoid", "softmax", "log_softmax", "tanh", "relu")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Binary cross-entropy, cross-entropy or squared error instead of a loss that does not fit; logits where it takes them."""
    ending, regression = r.start.output, r.task == "regression"
    known = r.loss.family not in ("custom", "bce", "nll-of-probabilities")
    columns = ending.columns
    if (
        known
        or (r.task == "multi-class" and columns < 2)
        or (r.loss.output_shape != r.loss.target_shape and regression)
    ):
        return
    out_of_range = ending.activation and (finding.cause == "output-range" or not regression)
    removed = ending if out_of_range and ending.activation in SQUASHING else None
    name, line = _LOSSES[r.task]
    lines = {"multi-class": class_loss_lines(r), "regression": line}.get(r.task, yes_or_no_lines(r))
    yield Change(
        name="plain-loss" + ("-on-values" if removed else ""),
        family="plain-loss",
        summary=f"Use {name}" + (f", without the last {ending.activation}" if removed else ""),
        code=(f"{removal_line(removed)}\n" if removed else "") + lines,
        size=2.0 if removed else 1.5,
        answers=ANSWERS,
        touches=("ending", "loss") if removed else ("loss",),
        transform=partial(_change, ending=removed, task=r.task),
    )


_LOSSES = {
    "binary": ("binary cross-entropy on logits (BCEWithLogitsLoss)", ""),
    "multi-label": ("binary cross-entropy on logits (BCEWithLogitsLoss), a yes or no for each label", ""),
    "multi-class": ("cross-entropy on logits (CrossEntropyLoss)", ""),
    "regression": ("the squared error (MSELoss)", "loss_fn = nn.MSELoss()"),
}


def _change(setup: Setup, generator: torch.Generator, *, ending: OutputReading | None, task: str) -> Setup:
    model = setup.model if ending is None else without_ending(setup.model, ending)
    loss = {"multi-class": class_loss, "regression": squared_error}.get(task, yes_or_no_loss)
    return setup.replaced(model=model, loss_fn=loss)


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error, with the targets in the outputs' shape."""
    return nn.functional.mse_loss(output, target.reshape(output.shape).to(output.dtype))


def yes_or_no_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy on logits, yes where a target lies above the middle of 0 and 1, or of -1 and 1."""
    yes = target.reshape(logits.shape).clamp(0, 1).to(logits.dtype)
    return nn.functional.binary_cross_entropy_with_logits(logits, yes)


REMEDY = Prescription("plain-loss", ANSWERS, propose)
