"""Clear the gradients before backward instead of after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._withheld import withheld
from trainability.setup import Setup

ANSWERS = ("gradients-cleared-before-step",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """`zero_grad()` at the beginning of the step and nowhere else; where gradients are accumulated, after each step."""
    if r.loop is not None and r.loop.accumulated > 1:
        yield Change(
            name="clear-after-step",
            family="keep-gradients",
            summary="Clear the gradients after each optimizer step and nowhere else",
            code="optimizer.step()\noptimizer.zero_grad()  # here; take the zero_grad() of every batch away",
            size=1.0,
            answers=ANSWERS,
            touches=("step",),
            transform=_after,
        )
        return
    yield Change(
        name="keep-gradients",
        family="keep-gradients",
        summary="Move the clearing of gradients from after backward to the beginning of the step",
        code="optimizer.zero_grad()  # here, before the forward pass; take the other zero_grad() away\n"
        "loss = loss_fn(model(x), y)\nloss.backward()\noptimizer.step()",
        size=1.0,
        answers=ANSWERS,
        touches=("step",),
        transform=_keep,
    )


def _keep(setup: Setup, generator: torch.Generator) -> Setup:
    return setup if setup.step is None else setup.replaced(step=partial(_cleared_first, setup.step))


def _after(setup: Setup, generator: torch.Generator) -> Setup:
    return setup if setup.step is None else setup.replaced(step=partial(_cleared_after, setup.step))


def _cleared_after(
    step: Callable[..., Any], model: nn.Module, batch: tuple[Any, Any], optimizer: torch.optim.Optimizer
) -> Any:
    stepped: list[object] = []
    handle = optimizer.register_step_post_hook(lambda *args: stepped.append(args))
    try:
        with withheld(optimizer, "zero_grad"), withheld(model, "zero_grad"):
            loss = step(model, batch, optimizer)
    finally:
        handle.remove()
    if stepped:
        optimizer.zero_grad()
    return loss


def _cleared_first(
    step: Callable[..., Any], model: nn.Module, batch: tuple[Any, Any], optimizer: torch.optim.Optimizer
) -> Any:
    optimizer.zero_grad()
    with withheld(optimizer, "zero_grad"), withheld(model, "zero_grad"):
        return step(model, batch, optimizer)


REMEDY = Prescription("keep-gradients", ANSWERS, propose)
