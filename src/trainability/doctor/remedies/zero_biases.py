"""Biases at 0, weights as they are."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("bias-scheme", "dying-relu")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The biases of every layer but normalisations, where some are not 0."""
    sizes = [w for w in r.start.weights if not w.is_matrix and w.name.endswith("bias")]
    if finding.cause != "bias-scheme" and not any(abs(w.mean) + w.std > 0 for w in sizes):
        return
    yield Change(
        name="zero-biases",
        family="zero-biases",
        summary="Start the biases at 0",
        code=(
            "for m in model.modules():\n"
            "    if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and m.bias is not None:\n"
            "        nn.init.zeros_(m.bias)"
        ),
        size=0.8,
        answers=ANSWERS,
        touches=("biases",),
        transform=_zero,
    )


def _zero(setup: Setup, generator: torch.Generator) -> Setup:
    for module in setup.model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return setup


REMEDY = Prescription("zero-biases", ANSWERS, propose)
