"""A normalisation behind every weight layer but the last, so that the next activation gets a signal of fixed size."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._behind_layers import LINES, behind_hidden_layers
from trainability.doctor.remedies._change import Change, Prescription

ANSWERS = ("exploding-activation",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Layer normalisation behind linear layers, of all channels together behind convolutions."""
    yield Change(
        name="layer-norm",
        family="normalise-layers",
        summary="Put a layer normalisation behind every layer but the last",
        code=(
            "def norm(layer):\n"
            "    if isinstance(layer, nn.Linear):\n"
            "        return nn.LayerNorm(layer.out_features)\n"
            "    return nn.GroupNorm(1, layer.out_channels)\n\n"
            "# before the optimizer is built\n" + LINES.format(made="norm(layer)")
        ),
        size=1.5,
        answers=ANSWERS,
        touches=("normalisation",),
        transform=lambda setup, generator: behind_hidden_layers(setup, _norm),
    )


def _norm(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return nn.LayerNorm(layer.out_features)
    return nn.GroupNorm(1, int(layer.out_channels))  # type: ignore[arg-type]


REMEDY = Prescription("normalise-layers", ANSWERS, propose)
