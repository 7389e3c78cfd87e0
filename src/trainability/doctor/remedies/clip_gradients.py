"""Bound the length of the gradient before each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("exploding-gradient", "lr-too-high")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Gradient norm at most 1, for rules whose step depends on the gradient's size."""
    if r.optimizer.normalised:
        return
    yield Change(
        name="clip-gradients-1",
        family="clip-gradients",
        summary="Clip the gradient's norm at 1",
        code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # between backward() and step()",
        size=1.0,
        answers=ANSWERS,
        touches=("gradient",),
        transform=_clip,
    )


def _clip(setup: Setup, generator: torch.Generator) -> Setup:
    setup.optimizer.register_step_pre_hook(_before_step)
    return setup


def _before_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)


REMEDY = Prescription("clip-gradients", ANSWERS, propose)
