"""Keep the draw and change its scale: every weight matrix at He's standard deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("initial-scale-too-large", "initial-scale-too-small")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """All parameters with two dimensions or more, those of recurrent and home-made layers too."""
    yield Change(
        name="rescale-to-he",
        family="initialize",
        summary="Rescale every weight matrix to He's standard deviation, sqrt(2/fan_in)",
        code=(
            "with torch.no_grad():\n"
            "    for p in model.parameters():\n"
            "        if p.ndim >= 2 and p.std(correction=0) > 0:\n"
            "            p *= (2 / p[0].numel()) ** 0.5 / p.std(correction=0)"
        ),
        size=1.2,
        answers=ANSWERS,
        touches=("weights",),
        transform=_rescale,
    )


def _rescale(setup: Setup, generator: torch.Generator) -> Setup:
    with torch.no_grad():
        for parameter in setup.model.parameters():
            if parameter.ndim < 2 or parameter.numel() < 2:
                continue
            std = float(parameter.std(correction=0))
            if std > 0 and math.isfinite(std):
                parameter.mul_((2 / parameter[0].numel()) ** 0.5 / std)
    return setup


REMEDY = Prescription("rescale", ANSWERS, propose)
