"""Leave the weights as torch draws them: every layer's own `reset_parameters`."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup
from trainability.setup.untouched import random_state_kept

ANSWERS = ("initial-scale-too-large", "initial-scale-too-small", "symmetric-units", "dying-relu")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Torch's own initialization, of recurrent and normalisation layers too."""
    yield Change(
        name="torch-default",
        family="initialize",
        summary="Leave out your own initialization and keep torch's default",
        code=(
            "for m in model.modules():  # or do not initialize in the first place\n"
            "    if hasattr(m, 'reset_parameters'):\n"
            "        m.reset_parameters()"
        ),
        size=1.1,
        answers=ANSWERS,
        touches=("weights",),
        transform=_reset,
    )


def _reset(setup: Setup, generator: torch.Generator) -> Setup:
    with random_state_kept():
        torch.manual_seed(generator.initial_seed())
        for module in setup.model.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return setup


REMEDY = Prescription("torch-default", ANSWERS, propose)
