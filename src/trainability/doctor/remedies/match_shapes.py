"""Give the target the output's shape before the loss compares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("broadcast-loss",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The loss on a target reshaped like the output."""
    yield Change(
        name="match-shapes",
        family="match-shapes",
        summary="Give output and target the same shape",
        code="loss = loss_fn(output, target.reshape(output.shape))",
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=lambda setup, generator: setup.replaced(loss_fn=Matched(setup.loss_fn)),
    )


class Matched:
    """A loss whose target is reshaped like the output first, where both have as many values.

    Args:
        loss_fn: the loss.
    """

    def __init__(self, loss_fn: Callable[..., Any]) -> None:
        self.loss_fn = loss_fn

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of the matched pair."""
        return self.loss_fn(output, target.reshape(output.shape) if target.numel() == output.numel() else target)


REMEDY = Prescription("match-shapes", ANSWERS, propose)
