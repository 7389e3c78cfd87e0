"""Take the minus sign away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("sign-flipped-loss",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The negative of the loss."""
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
