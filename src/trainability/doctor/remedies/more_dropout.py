"""Units left out at random in training, so that no few of them can know a row by heart."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._behind_layers import LINES, behind_hidden_layers
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("overfitting", "label-noise")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Half of the units behind every weight layer but the last, where there is no dropout yet."""
    if r.capacity.dropout:
        return
    yield Change(
        name="dropout-0.5-behind-layers",
        family="more-dropout",
        summary="Put dropout of one half behind every weight layer but the last",
        code=LINES.format(made="nn.Dropout(0.5)"),
        size=2.0,
        answers=ANSWERS,
        touches=("dropout",),
        transform=lambda setup, generator: behind_hidden_layers(setup, lambda layer: nn.Dropout(0.5)),
    )


REMEDY = Prescription("more-dropout", ANSWERS, propose)
