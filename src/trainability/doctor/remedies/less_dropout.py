"""Dropout that leaves most units."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("dropout-too-heavy",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """p = 0.2, then none, for every dropout that is a module."""
    c = r.capacity
    if not c.dropouts:
        return
    for p in (0.2, 0.0):
        if p >= c.dropout_p:
            continue
        yield Change(
            name=f"dropout-{p:g}",
            family="less-dropout",
            summary=f"Lower dropout from {c.dropout_p:g} to {p:g}" if p else "Leave dropout out",
            code=(
                "for module in model.modules():\n"
                "    if isinstance(module, nn.Dropout):\n"
                f"        module.p = min(module.p, {p:g})"
            ),
            size=0.5 if p else 0.6,
            answers=ANSWERS,
            touches=("dropout",),
            transform=partial(_lower, p=p),
        )


def _lower(setup: Setup, generator: torch.Generator, *, p: float) -> Setup:
    for module in setup.model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = min(module.p, p)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("less-dropout", ANSWERS, propose)
