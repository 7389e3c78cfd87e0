"""Fewer samples per step, with as many passes over the data and more steps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("too-few-steps",)
WANTED, FEW = 16, 100  # samples; steps from which on the batch is not what keeps them few


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Batches of 16 where the whole budget is under a hundred steps of four times as many samples or more."""
    opt = r.optimizer
    if not opt.batch_size >= 4 * WANTED or opt.steps >= FEW or r.cut:
        return
    times = opt.batch_size / WANTED
    yield Change(
        name=f"batch-size-{WANTED}",
        family="smaller-batch",
        summary=f"Use a batch of {WANTED} samples instead of {opt.batch_size}: {round(opt.steps * times)} steps instead of "
        f"{opt.steps} in as many passes over the data",
        code=f"batch_size = {WANTED}  # instead of {opt.batch_size}; epochs as before",
        size=0.5,
        answers=ANSWERS,
        touches=("batch",),
        transform=partial(_shrink, new=WANTED),
        budget=times,
    )


def _shrink(setup: Setup, generator: torch.Generator, *, new: int) -> Setup:
    shrunk = setup.replaced(batch_size=new)
    if shrunk.batches.batch_size == setup.batches.batch_size:
        raise SetupError(
            f"the data are a DataLoader with batch_size {setup.batches.batch_size}, which keeps its own; needed are "
            f"(X, y) or a Dataset. Build the loader with batch_size={new}."
        )
    return shrunk


REMEDY = Prescription("smaller-batch", ANSWERS, propose)
