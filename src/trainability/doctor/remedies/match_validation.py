"""Validation inputs on the scale of the training inputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._tensors import pair, with_data
from trainability.setup import Setup

ANSWERS = ("train-and-validation-differ",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """One factor where that is the difference; otherwise each feature's mean and spread."""
    s = r.split
    if s is None or r.data.integer_inputs or not s.factor > 0:
        return
    if s.one_factor:
        yield Change(
            name="rescale-validation",
            family="match-validation",
            summary=f"Divide the validation inputs by {s.factor:.3g}, as the training inputs seem to have been",
            code=f"X_val = X_val / {s.factor:.6g}  # or better: the very preprocessing that X went through",
            size=1.0,
            answers=ANSWERS,
            touches=("validation",),
            transform=partial(_divide, factor=s.factor),
        )
    yield Change(
        name="match-validation",
        family="match-validation",
        summary="Give each validation feature the training feature's mean and spread",
        code=(
            "# fit the preprocessing on the raw training inputs and use it for both:\n"
            "# X, X_val = (X_raw - mean) / std, (X_val_raw - mean) / std\n"
            "spread = X_val.std(0, correction=0)\n"
            "spread[spread <= 1e-8] = 1.0\n"
            "X_val = (X_val - X_val.mean(0)) / spread * X.std(0, correction=0) + X.mean(0)"
        ),
        size=1.5,
        answers=ANSWERS,
        touches=("validation",),
        transform=_match,
    )


def _divide(setup: Setup, generator: torch.Generator, *, factor: float) -> Setup:
    return with_data(setup, None, lambda x, y: (x / factor, y))


def _match(setup: Setup, generator: torch.Generator) -> Setup:
    known = pair(setup.batches)[0].double()
    mean, std = known.mean(0), known.std(0, correction=0)

    def matched(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        own, spread = x.double().mean(0), x.double().std(0, correction=0)
        z = (x.double() - own) / torch.where(spread > 1e-8, spread, torch.ones_like(spread))
        return (z * std + mean).to(x.dtype), y

    return with_data(setup, None, matched)


REMEDY = Prescription("match-validation", ANSWERS, propose)
