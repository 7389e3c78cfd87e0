"""More samples per step, with as many steps as before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("batch-too-small-for-lr",)
WANTED = 32


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """A batch of 32, or four times the present one where that is larger; epochs in proportion."""
    new = max(WANTED, 4 * r.optimizer.batch_size)
    if 0 < r.data.n <= r.optimizer.batch_size:
        return
    times = math.ceil(new / r.optimizer.batch_size)
    yield Change(
        name=f"batch-size-{new}",
        family="larger-batch",
        summary=f"Use a batch of {new} samples instead of {r.optimizer.batch_size} for as many steps (cost: "
        f"{times} times the epochs)",
        code=f"batch_size = {new}  # with {r.optimizer.epochs * times} epochs for as many steps as before",
        size=1.0,
        answers=ANSWERS,
        touches=("batch",),
        transform=partial(_grow, new=new, times=times),
    )


def _grow(setup: Setup, generator: torch.Generator, *, new: int, times: int) -> Setup:
    grown = setup.replaced(batch_size=new, epochs=setup.epochs * times)
    if grown.batches.batch_size == setup.batches.batch_size:
        raise SetupError(
            f"the data are a DataLoader with batch_size {setup.batches.batch_size}, which keeps its own; needed are "
            f"(X, y) or a Dataset. Build the loader with batch_size={new}."
        )
    return grown


REMEDY = Prescription("larger-batch", ANSWERS, propose)
