"""A smaller factor on what the user's own step adds to the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.errors import SetupError
from trainability.setup import Setup
from trainability.setup.output import OutputOf
from trainability.setup.untouched import random_state_kept

ANSWERS = ("regulariser-dominates",)
LEFT = (0.1, 1e-3)  # of the gradient of loss_fn: so much is left to the added term at the start


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The added term at a tenth, then a thousandth of the gradient of the loss."""
    if r.pull is None or not 1 <= r.pull.extra < math.inf:
        return
    for left in LEFT:
        factor = float(f"{left / r.pull.extra:.1g}")
        yield Change(
            name=f"added-term-times-{factor:g}",
            family="weigh-penalty",
            summary=f"Multiply what the step adds to the loss by {factor:g}",
            code=f"loss = loss_fn(model(x), y) + {factor:g} * added  # added: all that the step adds now, factor included",
            size=1.0,
            answers=ANSWERS,
            touches=("regulariser",),
            transform=partial(_change, factor=factor),
        )


def _change(setup: Setup, generator: torch.Generator, *, factor: float) -> Setup:
    if setup.step is None or isinstance(setup.model, OutputOf):
        raise SetupError("the step's loss cannot be taken apart here; multiply the added term by hand.")
    return setup.replaced(step=partial(weighed_step, step=setup.step, loss_fn=setup.loss_fn, factor=factor))


def weighed_step(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    step: Callable[..., Any],
    loss_fn: Callable[..., Any],
    factor: float,
) -> Any:
    """The user's step with gradient g + factor (G - g), g of the loss alone and G of all that the step trains on.

    Args:
        model, batch, optimizer: as the step takes them.
        step: the user's.
        loss_fn: (output, target) -> scalar.
        factor: on what the step adds.

    Returns:
        What the step returns.
    """
    own = _gradients(model, batch, loss_fn)

    def hook(*_: Any) -> None:
        for parameter, alone in own.items():
            if parameter.grad is not None:
                parameter.grad.mul_(factor).add_(alone, alpha=1 - factor)
        handle.remove()

    handle = optimizer.register_step_pre_hook(hook)
    try:
        return step(model, batch, optimizer)
    finally:
        handle.remove()


def _gradients(
    model: nn.Module, batch: tuple[Tensor, Tensor], loss_fn: Callable[..., Any]
) -> dict[nn.Parameter, Tensor]:
    """The gradient of the loss alone, with the draws that the step is about to make, leaving no trace."""
    buffers = [(b, b.clone()) for b in model.buffers()]
    wanted = [p for p in model.parameters() if p.requires_grad]
    try:
        with random_state_kept(), torch.enable_grad():
            loss = loss_fn(model(batch[0]), batch[1])
            found = torch.autograd.grad(loss, wanted, allow_unused=True)
    finally:
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    return {p: torch.zeros_like(p) if g is None else g for p, g in zip(wanted, found, strict=True)}


REMEDY = Prescription("weigh-penalty", ANSWERS, propose)
