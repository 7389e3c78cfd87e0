"""A shorter training, stopped before rows are known by heart."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("overfitting", "label-noise")
SHARES = (0.3, 0.1)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """A third of the steps, then a tenth, of a whole budget that is long enough to be cut."""
    for i, share in enumerate(SHARES):
        if r.cut or r.optimizer.steps * share < 10:
            continue
        epochs = max(math.ceil(r.optimizer.epochs * share), 1)
        yield Change(
            name=f"steps-times-{share:g}",
            family="fewer-steps",
            summary=f"Stop after {epochs} epochs instead of {r.optimizer.epochs}",
            code=f"epochs = {epochs}  # or stop once the validation loss rises",
            size=0.5 + 0.1 * i,
            answers=ANSWERS,
            touches=("budget",),
            transform=lambda setup, generator: setup,
            budget=share,
        )


REMEDY = Prescription("fewer-steps", ANSWERS, propose)
