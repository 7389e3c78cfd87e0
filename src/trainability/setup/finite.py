"""Data without NaN and infinite values: samples left out, or values filled in."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.setup.batches import TensorBatches
from trainability.setup.setup import Setup


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
        setup = setup.replaced(batch_size=train.batch_size, data=_clean(train, train, fill), keep_facts=True)
        if isinstance(validation, TensorBatches):
            setup = setup.replaced(validation=_clean(validation, train, fill), keep_facts=True)
    return setup


def _clean(data: TensorBatches, train: TensorBatches, fill: bool) -> tuple[Tensor, Tensor]:
    inputs = filled(data.inputs, train.inputs) if fill else data.inputs
    keep = finite_rows(inputs) & finite_rows(data.targets)
    return inputs[keep], data.targets[keep]


def finite_rows(x: Tensor) -> Tensor:
    """(N,) bool: the samples without a NaN or infinite value.

    Example:
        >>> finite_rows(torch.tensor([[1.0, 2.0], [float("nan"), 0.0]])).tolist()
        [True, False]
    """
    if not x.is_floating_point():
        return torch.ones(len(x), dtype=torch.bool, device=x.device)
    return torch.isfinite(x.flatten(1) if x.ndim > 1 else x[:, None]).all(1)


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
