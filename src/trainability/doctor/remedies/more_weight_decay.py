"""Weights kept small, so that rows cannot be known by heart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import option_lines
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("overfitting", "label-noise")
COUPLED, DECOUPLED = (0.01, 0.1), (1.0, 10.0)  # added to the gradient, or lr times as much taken off the weight


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Two values a factor of ten apart, above what is there."""
    values = DECOUPLED if r.optimizer.name == "AdamW" else COUPLED
    for i, value in enumerate(values):
        if value <= r.optimizer.weight_decay:
            continue
        yield Change(
            name=f"weight-decay-{value:g}",
            family="more-weight-decay",
            summary=f"Raise the weight decay from {r.optimizer.weight_decay:g} to {value:g}",
            code=option_lines("weight_decay", f"= {value:g}", f"{value:g} instead of {r.optimizer.weight_decay:g}"),
            size=0.5 + 0.1 * i,
            answers=ANSWERS,
            touches=("regulariser",),
            transform=partial(_decay, value=value),
        )


def _decay(setup: Setup, generator: torch.Generator, *, value: float) -> Setup:
    groups = setup.optimizer.param_groups
    if not all("weight_decay" in group for group in groups):
        raise SetupError(f"{type(setup.optimizer).__name__} has no weight_decay.")
    for group in groups:
        group["weight_decay"] = value
    return setup


REMEDY = Prescription("more-weight-decay", ANSWERS, propose)
