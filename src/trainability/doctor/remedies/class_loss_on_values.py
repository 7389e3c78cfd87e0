"""Cross-entropy in place of a likelihood, where the outputs are values that nothing has normalised."""

from __future__ import annotations

from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._class_loss import class_loss, class_loss_lines

ANSWERS = ("log-of-unnormalised-output",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The same outputs, read as logits."""
    if r.start.output.form != "values" or r.task != "multi-class":
        return
    yield Change(
        name="class-loss-on-values",
        family="class-loss-on-values",
        summary="Use cross-entropy, which normalises, instead of a likelihood of outputs that are not",
        code=class_loss_lines(r),
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=lambda setup, generator: setup.replaced(loss_fn=class_loss),
    )


REMEDY = Prescription("class-loss-on-values", ANSWERS, propose)
