"""The logarithms of the probabilities, for a loss that expects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("loss-does-not-fit-the-task",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The same loss of the logarithms, where it is a straight line in probabilities."""
    if r.start.output.activation != "softmax" or r.answers is None or not (r.answers.soft and r.answers.linear):
        return
    yield Change(
        name="logarithms",
        family="logarithms",
        summary="Give the loss the logarithms of the probabilities",
        code="loss = loss_fn(output.clamp_min(1e-12).log(), target)  # or end with nn.LogSoftmax(dim=1)",
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=lambda setup, generator: setup.replaced(loss_fn=OfLogarithms(setup.loss_fn)),
    )


class OfLogarithms:
    """A loss of the logarithms of probabilities.

    Args:
        loss_fn: a loss that expects log-probabilities.
    """

    def __init__(self, loss_fn: Callable[..., Any]) -> None:
        self.loss_fn = loss_fn

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of log(output)."""
        return self.loss_fn(output.clamp_min(1e-12).log(), target)


REMEDY = Prescription("logarithms", ANSWERS, propose)
