"""Draw the weights anew, at the scale that the activation asks for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.initializers import initialize
from trainability.setup import Setup

ANSWERS = (
    "initial-scale-too-large",
    "initial-scale-too-small",
    "saturated-softmax",
    "symmetric-units",
    "dying-relu",
    "saturated-units",
    "vanishing-gradient",
    "exploding-gradient",
    "saturated-output",
    "bias-scheme",
    "rank-collapse",
)

DEEP = 12
"""From so many weight layers on orthogonal weights come first: a product of normal ones spreads its singular values."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""What the printed lines draw, and so what is drawn."""

LINES = {
    "he_normal": "nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
    "orthogonal": "nn.init.orthogonal_(m.weight, gain=2**0.5)",
    "xavier_normal": "nn.init.xavier_normal_(m.weight)",
    "lecun_normal": "nn.init.normal_(m.weight, std=m.weight[0].numel() ** -0.5)",
}
NAMES = {
    "he_normal": "He's initializer (std sqrt(2/fan_in))",
    "orthogonal": "the orthogonal initializer (gain sqrt(2))",
    "xavier_normal": "Xavier's initializer (std sqrt(2/(fan_in + fan_out)))",
    "lecun_normal": "LeCun's initializer (std sqrt(1/fan_in))",
}


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """He's and orthogonal weights for ReLU and its kin, Xavier's for sigmoid and tanh, LeCun's for SELU."""
    kinds = {x.kind for x in r.start.of("activation")}
    if "selu" in kinds:
        schemes = ["lecun_normal"]
    elif kinds & {"tanh", "sigmoid"} and not kinds & {"relu", "leaky_relu"}:
        schemes = ["xavier_normal", "he_normal"]
    else:
        schemes = ["he_normal", "orthogonal"]
        if len(r.start.of("weight")) >= DEEP:
            schemes.reverse()
    for scheme in schemes:
        options = {"gain": 2**0.5} if scheme == "orthogonal" else {}
        yield Change(
            name=f"initialize-{scheme.replace('_', '-')}",
            family="initialize",
            summary=f"Draw the weights with {NAMES[scheme]}, biases 0",
            code=(
                "for m in model.modules():\n"
                "    if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):\n"
                f"        {LINES[scheme]}\n"
                "        if m.bias is not None:\n"
                "            nn.init.zeros_(m.bias)"
            ),
            size=1.0,
            answers=ANSWERS,
            touches=("weights",),
            transform=partial(_draw, scheme=scheme, options=options),
        )


def _draw(setup: Setup, generator: torch.Generator, *, scheme: str, options: dict[str, Any]) -> Setup:
    initialize(setup.model, scheme, bias="zeros", only=LAYERS, generator=generator, **options)
    return setup


REMEDY = Prescription("initialize", ANSWERS, propose)
