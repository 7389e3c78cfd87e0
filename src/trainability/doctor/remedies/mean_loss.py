"""The mean over the mini-batch instead of the sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("reduction-by-sum",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The loss divided by the number of samples."""
    if not r.loss.sums:
        return
    yield Change(
        name="mean-loss",
        family="mean-loss",
        summary="Take the mean over the mini-batch instead of the sum",
        code="loss = loss_fn(output, target) / len(output)  # or reduction='mean'",
        size=0.5,
        answers=ANSWERS,
        touches=("loss",),
        transform=lambda setup, generator: setup.replaced(loss_fn=Mean(setup.loss_fn)),
    )


class Mean:
    """A loss over the number of samples.

    Args:
        loss_fn: a loss that sums over samples.

    Example:
        >>> import torch
        >>> Mean(torch.nn.MSELoss(reduction="sum"))(torch.ones(4, 1), torch.zeros(4, 1))
        tensor(1.)
    """

    def __init__(self, loss_fn: Callable[..., Any]) -> None:
        self.loss_fn = loss_fn

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss per sample."""
        loss: Tensor = self.loss_fn(output, target) / len(output)
        return loss


REMEDY = Prescription("mean-loss", ANSWERS, propose)
