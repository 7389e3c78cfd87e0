"""Cross-entropy on the logits in place of a loss on probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._class_loss import class_loss, class_loss_lines
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.doctor.remedies._lr import lr_lines, scale_lr
from trainability.setup import Setup

ANSWERS = ("saturated-softmax", "log-of-softmax", "log-of-unnormalised-output")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Logits and cross-entropy, with the learning rate as it is, then a tenth and a hundredth of it."""
    ending = r.start.output
    if r.task != "multi-class" or ending.activation != "softmax":
        return
    for factor in (1.0, 0.1, 0.01):
        lr = float(f"{r.optimizer.lr * factor:.3g}")
        slower = f", and lower the learning rate to {lr:g}" if factor < 1 else ""
        yield Change(
            name="cross-entropy" + (f"-lr-{lr:g}" if factor < 1 else ""),
            family="cross-entropy",
            summary=f"Give the logits to cross-entropy instead of probabilities to this loss{slower}",
            code=(
                f"{removal_line(ending)}\n{class_loss_lines(r)}"
                + ("\n" + lr_lines(r.optimizer, lr) if factor < 1 else "")
            ),
            size=2.0 if factor == 1 else 3.0,
            answers=(*ANSWERS, "softmax-before-cross-entropy"),
            touches=("ending", "loss", *(("optimizer",) if factor < 1 else ())),
            transform=partial(_change, ending=ending, factor=factor),
        )


def _change(setup: Setup, generator: torch.Generator, *, ending: OutputReading, factor: float) -> Setup:
    model = without_ending(setup.model, ending)
    return scale_lr(setup.replaced(model=model, loss_fn=class_loss), factor)


REMEDY = Prescription("cross-entropy", ANSWERS, propose)
