"""Take the minus sign away, from the loss or from the user's step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("sign-flipped-loss",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The negative of the loss; of the gradient, where it is the step that turns it round."""
    if r.loop is not None and r.loop.alignment < 0 and not r.loss.factor < 0:
        yield Change(
            name="flip-sign-in-step",
            family="flip-sign",
            summary="Remove the minus sign in the step",
            code="loss.backward()  # the loss itself, not its negative; and no maximize=True in the optimizer",
            size=1.0,
            answers=ANSWERS,
            touches=("gradient",),
            transform=_descend,
        )
        return
    yield Change(
        name="flip-sign",
        family="flip-sign",
        summary="Remove the minus sign of the loss",
        code="loss = -loss_fn(output, target)",
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=lambda setup, generator: setup.replaced(loss_fn=Negated(setup.loss_fn)),
    )


def _descend(setup: Setup, generator: torch.Generator) -> Setup:
    groups = [g for g in setup.optimizer.param_groups if g.get("maximize")]
    for group in groups:
        group["maximize"] = False
    if not groups:
        setup.optimizer.register_step_pre_hook(_turn_round)
    return setup


@torch.no_grad()
def _turn_round(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.neg_()


class Negated:
    """A loss with its sign changed.

    Args:
        loss_fn: the loss.
    """

    def __init__(self, loss_fn: Callable[..., Any]) -> None:
        self.loss_fn = loss_fn

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Minus the loss."""
        return -self.loss_fn(output, target)


REMEDY = Prescription("flip-sign", ANSWERS, propose)
