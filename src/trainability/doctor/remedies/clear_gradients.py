"""Clear the gradients once per optimizer step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("gradients-never-cleared",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """`zero_grad()` after every optimizer step, which leaves accumulation over several batches as it is."""
    yield Change(
        name="clear-gradients",
        family="clear-gradients",
        summary="Clear the gradients after each optimizer step",
        code="optimizer.zero_grad()  # after optimizer.step(), or before the next loss.backward()",
        size=1.0,
        answers=ANSWERS,
        touches=("gradient",),
        transform=_clear,
    )


def _clear(setup: Setup, generator: torch.Generator) -> Setup:
    setup.optimizer.register_step_post_hook(_after_step)
    return setup


def _after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    optimizer.zero_grad()


REMEDY = Prescription("clear-gradients", ANSWERS, propose)
