"""Data without NaN and infinite values: samples left out, or values filled in."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.probes.data import finite_rows
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches

ANSWERS = ("non-finite-data",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Leave the samples out where most are whole; fill inputs in, feature by feature. For data that are tensors."""
    bad = max(r.data.nonfinite_inputs, r.data.nonfinite_targets)
    if r.data.n <= 0:
        return
    if bad <= 0.5 * r.data.n:
        yield Change(
            name="drop-non-finite",
            family="finite-data",
            summary=f"Leave out the {bad} samples with NaN or infinite values",
            code=(
                "keep = torch.isfinite(X.flatten(1)).all(1) & torch.isfinite(y.float().reshape(len(y), -1)).all(1)\n"
                "X, y = X[keep], y[keep]"
            ),
            size=1.0,
            answers=ANSWERS,
            touches=("inputs", "targets"),
            transform=lambda setup, generator: with_finite_data(setup, fill=False),
        )
    if r.data.nonfinite_inputs and r.data.nonfinite_targets < r.data.n:
        yield Change(
            name="fill-non-finite",
            family="finite-data",
            summary="Fill NaN with the feature's mean, and infinite values with its largest or smallest finite one",
            code=(
                "for column in X.T:\n"
                "    good = column[torch.isfinite(column)]\n"
                "    column.nan_to_num_(good.mean(), good.max(), good.min())"
            ),
            size=1.0,
            answers=ANSWERS,
            touches=("inputs", "targets"),
            transform=lambda setup, generator: with_finite_data(setup, fill=True),
        )


def with_finite_data(setup: Setup, *, fill: bool) -> Setup:
    """The Setup on finite data; itself where data are not tensors.

    Args:
        setup: its tensors stay as they are.
        fill: fill inputs in first; samples that still hold a non-finite value are left out.

    Returns:
        Setup.
    """
    train, validation = setup.batches, setup.validation_batches
    if isinstance(train, TensorBatches):
        setup = setup._with(batch_size=train.batch_size, data=_clean(train, train, fill), keep_facts=True)
        if isinstance(validation, TensorBatches):
            setup = setup._with(validation=_clean(validation, train, fill), keep_facts=True)
    return setup


def _clean(data: TensorBatches, train: TensorBatches, fill: bool) -> tuple[Tensor, Tensor]:
    inputs = filled(data.inputs, train.inputs) if fill else data.inputs
    keep = finite_rows(inputs) & finite_rows(data.targets)
    return inputs[keep], data.targets[keep]


def filled(x: Tensor, like: Tensor) -> Tensor:
    """`x` with NaN replaced by the feature's mean in `like`, infinite values by its extremes there, or by 0.

    Example:
        >>> x = torch.tensor([[1.0], [float("nan")], [3.0], [float("-inf")]])
        >>> filled(x, x).flatten().tolist()
        [1.0, 2.0, 3.0, 1.0]
    """
    if not x.is_floating_point():
        return x
    flat, known = x.flatten(1) if x.ndim > 1 else x[:, None], like.flatten(1) if like.ndim > 1 else like[:, None]
    good = torch.isfinite(known)
    some = good.any(0)
    mean = torch.where(good, known, 0).sum(0) / good.sum(0).clamp_min(1)
    high = torch.where(some, torch.where(good, known, -torch.inf).amax(0), 0)
    low = torch.where(some, torch.where(good, known, torch.inf).amin(0), 0)
    flat = torch.where(flat.isnan(), mean, torch.minimum(torch.maximum(flat, low), high))
    return flat.view_as(x).to(x.dtype)


REMEDY = Prescription("finite-data", ANSWERS, propose)
