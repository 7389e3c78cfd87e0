"""A learning rate that lasts: the step's schedule once an epoch, or no schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._withheld import withheld
from trainability.setup import Setup

ANSWERS = ("lr-decays-too-fast",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Schedulers of PyTorch stepped at the last batch of each epoch only; or the lr put back before every step."""
    if r.loop is None or r.schedule is None:
        return
    if "schedule" in r.loop.order:
        yield Change(
            name="schedule-every-epoch",
            family="slower-schedule",
            summary="Call the scheduler once an epoch instead of at every batch",
            code="for epoch in range(epochs):\n    for batch in loader:\n        step(model, batch, optimizer)  # without "
            "scheduler.step()\n    scheduler.step()",
            size=0.4,
            answers=ANSWERS,
            touches=("schedule",),
            transform=lambda setup, generator: _with(setup, every=setup.batches.steps_per_epoch),
        )
    yield Change(
        name="constant-lr",
        family="slower-schedule",
        summary=f"Keep the learning rate at {r.schedule.peak:g} and leave the schedule out",
        code=f"# without the schedule\nfor group in optimizer.param_groups:\n    group['lr'] = {r.schedule.peak:g}",
        size=0.45,
        answers=ANSWERS,
        touches=("schedule",),
        transform=lambda setup, generator: _with(setup, every=0),
    )


def _with(setup: Setup, *, every: int) -> Setup:
    return setup if setup.step is None else setup.replaced(step=Slower(setup.step, every))


class Slower:
    """A user's step whose schedule moves at every `every`-th call, or whose learning rates stay as they are for 0."""

    def __init__(self, step: Any, every: int) -> None:
        self.step, self.every, self.calls = step, every, 0
        self.lrs: list[float] | None = None

    def __call__(self, model: nn.Module, batch: tuple[Any, Any], optimizer: torch.optim.Optimizer) -> Any:
        """Take the user's step."""
        self.calls += 1
        if not self.every:
            self.lrs = self.lrs or [group["lr"] for group in optimizer.param_groups]
            for group, lr in zip(optimizer.param_groups, self.lrs, strict=True):
                group["lr"] = lr
            return self.step(model, batch, optimizer)
        with ExitStack() as stack:
            if self.calls % self.every:
                for kind in _stepping(LRScheduler):
                    stack.enter_context(withheld(kind, "step"))
            return self.step(model, batch, optimizer)


def _stepping(kind: type[Any]) -> Iterator[type[Any]]:
    """Schedulers that define `step` themselves."""
    if "step" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from _stepping(below)


REMEDY = Prescription("slower-schedule", ANSWERS, propose)
