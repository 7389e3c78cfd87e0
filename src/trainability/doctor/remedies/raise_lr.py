"""Longer steps, where the weights hardly moved."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import lr_lines, nice, scale_lr

ANSWERS = ("lr-too-low", "too-few-steps")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Ten, a hundred and a thousand times the lr, and half the stable one; an adaptive rule stops at 0.1."""
    lr = r.optimizer.lr
    if not lr > 0:
        return
    ceiling = 0.1 if r.optimizer.normalised else math.inf
    limit = r.stable_lr
    wanted = [lr * 10, lr * 100, lr * 1000]
    if limit == limit and limit < math.inf and not r.optimizer.normalised and limit / 2 > lr:
        wanted.append(nice(limit / 2))
    for new in sorted({float(f"{value:.3g}") for value in wanted if value <= ceiling}):
        yield Change(
            name=f"lr-{new:g}",
            family="raise-lr",
            summary=f"Raise the learning rate from {lr:g} to {new:g}",
            code=lr_lines(r.optimizer, new),
            size=0.5,
            answers=ANSWERS,
            touches=("optimizer",),
            transform=lambda setup, generator, factor=new / lr: scale_lr(setup, factor),  # type: ignore[misc]
        )


REMEDY = Prescription("raise-lr", ANSWERS, propose)
