"""Let the data speak: a hundredth of the weight decay, or the loss without its penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import option_lines
from trainability.setup import Setup

ANSWERS = ("regulariser-dominates",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Weight decay divided by 100, then 0; or the penalty taken out of the loss."""
    decay = r.optimizer.weight_decay
    for factor in (0.01, 0.0) if decay > 0 else ():
        yield Change(
            name=f"weight-decay-{decay * factor:g}",
            family="less-regularisation",
            summary=f"Lower the weight decay from {decay:g} to {decay * factor:g}",
            code=option_lines("weight_decay", f"*= {factor:g}", f"{decay * factor:g} instead of {decay:g}"),
            size=0.5,
            answers=ANSWERS,
            touches=("regulariser",),
            transform=lambda setup, generator, factor=factor: _decay(setup, factor),  # type: ignore[misc]
        )
    if r.loss.end_penalty > 0 and r.loss.family in ("mse", "l1", "huber"):
        yield Change(
            name="no-penalty",
            family="less-regularisation",
            summary="Leave the penalty on the weights out of the loss",
            code="loss = loss_fn(output, target) - loss_fn(target, target)  # or take the sum over the weights out of loss_fn",
            size=1.0,
            answers=ANSWERS,
            touches=("loss",),
            transform=lambda setup, generator: setup.replaced(loss_fn=Unpenalised(setup.loss_fn)),
        )


class Unpenalised:
    """A loss without the part that does not depend on the output: loss(output, target) - loss(target, target).

    A loss that compares values is 0 for a perfect answer, so that what it gives for one is its penalty, and so is the
    gradient.

    Args:
        loss_fn: a loss that adds a term which depends on the weights and not on the output.
    """

    def __init__(self, loss_fn: Callable[..., Any]) -> None:
        self.loss_fn = loss_fn

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss's part that depends on the output."""
        perfect = target.detach().reshape(output.shape).to(output.dtype)
        return self.loss_fn(output, target) - self.loss_fn(perfect, target)


def _decay(setup: Setup, factor: float) -> Setup:
    for group in setup.optimizer.param_groups:
        group["weight_decay"] = group.get("weight_decay", 0.0) * factor
    return setup


REMEDY = Prescription("less-regularisation", ANSWERS, propose)
