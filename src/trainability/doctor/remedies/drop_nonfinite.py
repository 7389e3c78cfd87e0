"""Leave out the samples that hold a NaN or an infinite value."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainability.doctor.finding import Finding
from trainability.doctor.probes.data import finite_rows
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches

ANSWERS = ("non-finite-data",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The data without those samples, where data are tensors and most samples are whole."""
    bad = max(r.data.nonfinite_inputs, r.data.nonfinite_targets)
    if r.data.n <= 0 or bad > 0.5 * r.data.n:
        return
    yield Change(
        name="drop-non-finite",
        family="drop-non-finite",
        summary=f"Leave out the {bad} samples with NaN or infinite values",
        code=(
            "keep = torch.isfinite(X.flatten(1)).all(1) & torch.isfinite(y.float().reshape(len(y), -1)).all(1)\n"
            "X, y = X[keep], y[keep]"
        ),
        size=1.0,
        answers=ANSWERS,
        transform=drop_nonfinite,
    )


def drop_nonfinite(setup: Setup, generator: torch.Generator | None = None) -> Setup:
    """The Setup on samples without non-finite values; itself where data are not tensors."""
    clean = {
        name: _clean(data)
        for name, data in (("data", setup.batches), ("validation", setup.validation_batches))
        if isinstance(data, TensorBatches)
    }
    return setup._with(batch_size=setup.batches.batch_size, **clean) if clean else setup


def _clean(data: TensorBatches) -> tuple[torch.Tensor, torch.Tensor]:
    keep = finite_rows(data.inputs) & finite_rows(data.targets)
    return data.inputs[keep], data.targets[keep]


REMEDY = Prescription("drop-non-finite", ANSWERS, propose)
