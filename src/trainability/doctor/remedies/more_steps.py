"""A larger budget: the same training for more epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("too-few-steps",)
ALONE = ("budget", "optimizer", "weights", "inputs", "targets", "gradient", "loss", "momentum", "ending")
"""A larger budget is no partner of other changes: each would be paid for several times over."""


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Three times the epochs, then ten; the summary says what it costs."""
    for times in (3, 10):
        yield Change(
            name=f"epochs-times-{times}",
            family="more-steps",
            summary=f"Train {times} times as long, {math.ceil(r.optimizer.epochs * times)} epochs (cost: {times} times "
            f"the {r.optimizer.steps} steps)",
            code=f"epochs = {math.ceil(r.optimizer.epochs * times)}",
            size=3.0,
            answers=ANSWERS,
            touches=ALONE,
            transform=partial(_longer, times=times),
            budget=float(times),
        )


def _longer(setup: Setup, generator: torch.Generator, *, times: int) -> Setup:
    return setup.replaced(epochs=setup.epochs * times, keep_facts=True)


REMEDY = Prescription("more-steps", ANSWERS, propose)
