"""A bias for every linear and convolution layer that has none, beginning at 0."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = ("missing-bias",)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Biases of 0, so that training begins where it began."""
    yield Change(
        name="add-biases",
        family="add-biases",
        summary="Give every layer a bias that starts at 0",
        code=(
            "# bias=True where the layers are made; or, before the optimizer is built:\n"
            "for m in model.modules():\n"
            "    if getattr(m, 'bias', 0) is None and hasattr(m, 'weight'):\n"
            "        units = m.out_features if isinstance(m, nn.Linear) else m.out_channels\n"
            "        m.bias = nn.Parameter(torch.zeros(units))"
        ),
        size=0.5,
        answers=ANSWERS,
        touches=("biases",),
        transform=_add,
    )


def _add(setup: Setup, generator: torch.Generator) -> Setup:
    fresh = []
    for module in setup.model.modules():
        if isinstance(module, LAYERS) and module.bias is None:
            units = module.out_features if isinstance(module, nn.Linear) else module.out_channels
            module.bias = nn.Parameter(torch.zeros(units, device=module.weight.device, dtype=module.weight.dtype))
            fresh.append(module.bias)
    setup.optimizer.param_groups[0]["params"].extend(fresh)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("add-biases", ANSWERS, propose)
