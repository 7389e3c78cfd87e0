"""A momentum with which the running averages of batch normalisation follow the batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch.nn.modules.batchnorm import _NormBase

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("batchnorm-averages-lag",)
DEFAULT, HIGH = 0.1, 0.3


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """PyTorch's 0.1, then 0.3 for a few dozen batches."""
    a = r.averages
    if a is None:
        return
    for i, momentum in enumerate((DEFAULT, HIGH)):
        if a.momentum >= momentum:
            continue
        yield Change(
            name=f"averages-{momentum:g}",
            family="faster-averages",
            summary=f"Give batch normalisation a momentum of {momentum:g} instead of {a.momentum:g}",
            code=(
                "for module in model.modules():\n"
                "    if isinstance(module, nn.modules.batchnorm._NormBase) and module.momentum is not None:\n"
                f"        module.momentum = max(module.momentum, {momentum:g})"
            ),
            size=0.5 + 0.1 * i,
            answers=ANSWERS,
            touches=("averages",),
            transform=partial(_faster, momentum=momentum),
        )


def _faster(setup: Setup, generator: torch.Generator, *, momentum: float) -> Setup:
    for module in setup.model.modules():
        if isinstance(module, _NormBase) and module.momentum is not None:
            module.momentum = max(module.momentum, momentum)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("faster-averages", ANSWERS, propose)
