"""Adam at its default, whose steps do not depend on the gradient's scale."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup

ANSWERS = (
    "lr-too-high",
    "lr-too-low",
    "dying-relu",
    "unscaled-inputs",
    "unscaled-targets",
    "vanishing-gradient",
    "exploding-gradient",
    "initial-scale-too-small",
    "lr-zero",
    "relu-cannot-cross",
    "too-few-steps",
)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Adam with lr 1e-3, then 1e-2; only the other one where the Setup has one of them already."""
    for lr in (1e-3, 1e-2):
        if r.optimizer.name == "Adam" and r.optimizer.lrs == (lr,):
            continue
        yield Change(
            name=f"adam-{lr:g}",
            family="adam",
            summary=f"Train with Adam at lr {lr:g}",
            code=f"optimizer = torch.optim.Adam(model.parameters(), lr={lr:g})",
            size=1.0 if r.optimizer.name != "Adam" else 0.5,
            answers=ANSWERS,
            touches=("optimizer",),
            transform=lambda setup, generator, lr=lr: _adam(setup, lr),  # type: ignore[misc]
        )


def _adam(setup: Setup, lr: float) -> Setup:
    wanted = [p for p in setup.model.parameters() if p.requires_grad]
    return setup.replaced(optimizer=torch.optim.Adam(wanted, lr=lr), keep_facts=True)


REMEDY = Prescription("adam", ANSWERS, propose)
