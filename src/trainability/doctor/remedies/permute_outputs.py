"""The output's dimensions turned, before the loss, so that every target meets its own place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("outputs-and-targets-misaligned",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The order that the probe found to bring all targets to their places; none where it found none."""
    order = r.graph.alignment.repair
    if not order:
        return
    last = order == (0, *range(2, len(order)), 1) and len(order) > 2
    turned = "scores.movedim(1, -1)" if last else f"scores.permute{order}"
    yield Change(
        name="permute-outputs",
        family="permute-outputs",
        summary=(
            "Bring the classes to the last dimension before the loss flattens the output"
            if last
            else f"Permute the output to {order} before the loss flattens it"
        ),
        code=(
            f"given = loss_fn  # or write {turned} before .reshape(...) in it\n"
            f"loss_fn = lambda scores, y: given({turned}.contiguous(), y)"
        ),
        size=1.0,
        answers=ANSWERS,
        touches=("loss",),
        transform=partial(_permute, order=order),
    )


class Permuted:
    """A loss that turns the output's dimensions first.

    Args:
        loss_fn: takes (output, target).
        order: of the dimensions.

    Example:
        >>> Permuted(lambda o, y: o.shape, (0, 2, 1))(torch.zeros(2, 3, 5), None)
        torch.Size([2, 5, 3])
    """

    def __init__(self, loss_fn: Callable[..., Any], order: tuple[int, ...]) -> None:
        self.loss_fn, self.order = loss_fn, order

    def __call__(self, output: Tensor, target: Tensor) -> Any:
        """The loss of the turned output."""
        return self.loss_fn(output.permute(self.order).contiguous(), target)


def _permute(setup: Setup, generator: torch.Generator, *, order: tuple[int, ...]) -> Setup:
    return setup.replaced(loss_fn=Permuted(setup.loss_fn, order))


REMEDY = Prescription("permute-outputs", ANSWERS, propose)
