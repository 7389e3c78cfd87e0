"""Labels moved back to the inputs that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._tensors import with_data
from trainability.setup import Setup

ANSWERS = ("inputs-and-labels-misaligned",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The shift that the readings show, of the training data, and of the validation data where they show it too."""
    k, also = r.labels.shift, r.labels.validation_shift
    if not k:
        return
    yield Change(
        name=f"realign-{k:+d}",
        family="realign",
        summary=f"Move the labels by {abs(k)} place{'s' if abs(k) > 1 else ''}, to the inputs they belong to",
        code="\n".join(_line(n, *names) for n, names in ((k, ("X", "y")), (also, ("X_val", "y_val"))) if n),
        size=1.0,
        answers=ANSWERS,
        touches=("inputs", "targets"),
        transform=partial(_realign, k=k, also=also),
    )


def _line(k: int, x: str, y: str) -> str:
    return f"{x}, {y} = {x}[{k}:], {y}[:-{k}]" if k > 0 else f"{x}, {y} = {x}[:{k}], {y}[{-k}:]"


def shifted(x: Tensor, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Each label with the input `k` places further on; what has no partner is left out.

    Example:
        >>> shifted(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 3]), 1)
        (tensor([1, 2]), tensor([1, 2]))
    """
    return (x[k:], y[:-k]) if k > 0 else (x[:k], y[-k:])


def _realign(setup: Setup, generator: torch.Generator, *, k: int, also: int) -> Setup:
    return with_data(setup, partial(shifted, k=k), partial(shifted, k=also) if also else None)


REMEDY = Prescription("realign", ANSWERS, propose)
