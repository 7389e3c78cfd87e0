"""A learning rate where there was none."""

from __future__ import annotations

import math
from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import lr_lines, nice, option_lines
from trainability.setup import Setup

ANSWERS = ("lr-zero",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """1e-3 and ten times it for a normalised rule; otherwise 0.1 and 0.01 and half the stable lr where it is known."""
    if r.optimizer.normalised:
        wanted = [1e-3, 1e-2]
    else:
        limit = r.stable_lr
        wanted = [nice(limit / 2)] if limit == limit and 0 < limit < math.inf else []
        wanted += [1e-1, 1e-2, 1e-3]
    for lr in dict.fromkeys(wanted):
        yield Change(
            name=f"set-lr-{lr:g}",
            family="set-lr",
            summary=f"Set the learning rate to {lr:g}",
            code=option_lines("lr", f"= {lr:g}", "all groups")
            if len(r.optimizer.lrs) > 1
            else lr_lines(r.optimizer, lr),
            size=0.5,
            answers=ANSWERS,
            touches=("optimizer",),
            transform=lambda setup, generator, lr=lr: _set(setup, lr),  # type: ignore[misc]
        )


def _set(setup: Setup, lr: float) -> Setup:
    for group in setup.optimizer.param_groups:
        group["lr"] = lr
    return setup


REMEDY = Prescription("set-lr", ANSWERS, propose)
