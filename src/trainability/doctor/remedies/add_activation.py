"""A ReLU behind every weight layer but the last, where there was nothing."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._behind_layers import LINES, behind_hidden_layers
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("no-nonlinearity",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """ReLU between the layers, weights as they are."""
    yield Change(
        name="relu-between-layers",
        family="add-activation",
        summary="Put a ReLU behind every layer but the last",
        code=LINES.format(made="nn.ReLU()"),
        size=1.0,
        answers=ANSWERS,
        touches=("activation",),
        transform=lambda setup, generator: behind_hidden_layers(setup, lambda layer: nn.ReLU()),
    )


REMEDY = Prescription("add-activation", ANSWERS, propose)
