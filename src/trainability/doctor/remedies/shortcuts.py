"""A shortcut round every layer as wide as its input, so that depth adds to the signal instead of replacing it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("rank-collapse", "vanishing-gradient", "initial-scale-too-small")
FEWEST = 3


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """x + layer(x) / depth where at least three linear layers are square."""
    square = [w for w in r.start.weights if len(w.shape) == 2 and w.shape[0] == w.shape[1]]
    if len(square) < FEWEST:
        return
    yield Change(
        name="shortcuts",
        family="shortcuts",
        summary=f"Put a shortcut round each of the {len(square)} layers as wide as their input",
        code=f"x = x + layer(x) / {len(square)}  # instead of x = layer(x), where the layer keeps the width",
        size=2.0,
        answers=ANSWERS,
        touches=("connections",),
        transform=_wrap,
    )


class Shortcut(nn.Module):
    """x + scale * layer(x).

    Args:
        layer: keeps the width.
        scale: of what the layer adds; 1 / depth keeps the sum's size.
    """

    def __init__(self, layer: nn.Module, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, scale

    def forward(self, x: Tensor) -> Tensor:
        """The input and what the layer adds."""
        added: Tensor = self.layer(x)
        return x + self.scale * added


def _wrap(setup: Setup, generator: torch.Generator) -> Setup:
    places = [
        (owner, leaf, child)
        for owner in list(setup.model.modules())
        for leaf, child in owner.named_children()
        if isinstance(child, nn.Linear) and child.in_features == child.out_features
    ]
    for owner, leaf, child in places:
        owner._modules[leaf] = Shortcut(child, 1 / len(places))
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("shortcuts", ANSWERS, propose)
