"""An optimizer of the same class and options over the model's own parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import optimizer_line
from trainability.setup import Setup

ANSWERS = ("parameters-not-in-optimizer", "no-trainable-parameters", "frozen-parameters")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The optimizer built anew over `model.parameters()`; frozen models are unfrozen first."""
    if finding.cause == "parameters-not-in-optimizer" and not r.optimizer.missing:
        return  # it holds all that the model knows; what it does not know is for `register_layers`
    frozen = finding.cause in ("no-trainable-parameters", "frozen-parameters")
    yield Change(
        name="all-parameters" + ("-unfrozen" if frozen else ""),
        family="all-parameters",
        summary=("Unfreeze the model and build" if frozen else "Build") + " the optimizer over the model's parameters",
        code=("model.requires_grad_(True)\n" if frozen else "")
        + optimizer_line(r.optimizer, lr=r.optimizer.lrs[0] if r.optimizer.lrs else 0.0),
        size=1.0,
        answers=ANSWERS,
        touches=("optimizer",),
        transform=partial(_rebuild, unfreeze=frozen),
    )


def _rebuild(setup: Setup, generator: torch.Generator, *, unfreeze: bool) -> Setup:
    if unfreeze:
        setup.model.requires_grad_(True)
    old = setup.optimizer
    accepted = inspect.signature(type(old)).parameters
    options = {k: v for k, v in old.defaults.items() if k in accepted}
    options |= {k: v for k, v in old.param_groups[0].items() if k in options}
    wanted = [p for p in setup.model.parameters() if p.requires_grad]
    optimizer: torch.optim.Optimizer = type(old)(wanted, **options)
    return setup.replaced(optimizer=optimizer)


REMEDY = Prescription("all-parameters", ANSWERS, propose)
