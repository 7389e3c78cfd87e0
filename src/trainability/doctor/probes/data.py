"""The data as given: scales, ranges, non-finite values."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.doctor.readings import NAN, DataReading
from trainability.setup.batches import Batches, TensorBatches
from trainability.setup.finite import finite_rows

SAMPLE = 4096


def data_reading(data: Batches, task: str | None) -> DataReading:
    """Read the training data; tensors are searched whole for non-finite values, other containers on a sample.

    Args:
        data: the training batches.
        task: decides whether targets are classes; None where it could not be told.

    Returns:
        DataReading.
    """
    x, y = data.sample(SAMPLE)
    whole = (data.inputs, data.targets) if isinstance(data, TensorBatches) else (x, y)
    bad_x, bad_y = (~finite_rows(t) for t in whole)
    kept = finite_rows(x) & finite_rows(y)
    x, y = (x[kept], y[kept]) if bool(kept.any()) else (x.nan_to_num(0, 0, 0), y.nan_to_num(0, 0, 0))
    integers = not x.is_floating_point()
    features = x.double().flatten(1) if x.ndim > 1 else x.double()[:, None]
    rms, std = features.square().mean(0).sqrt(), features.std(0, correction=0)
    varies = std > 1e-12 * rms.clamp_min(1e-300)
    live_rms, live_std = rms[varies], std[varies]
    offset = (features.mean(0)[varies].abs() / live_std) if bool(varies.any()) else torch.zeros(1)
    classes, largest = _classes(y, task)
    target = y.double()
    return DataReading(
        n=data.n if data.n is not None else -1,
        features=features.shape[1],
        input_rms=_number(features.square().mean().sqrt()),
        input_mean=_number(features.mean()),
        input_std=_number(features.std(correction=0)),
        feature_rms_low=_number(live_rms.min()) if len(live_rms) else 0.0,
        feature_rms_high=_number(live_rms.max()) if len(live_rms) else 0.0,
        feature_offset=_number(offset.median()),
        integer_inputs=integers,
        nonfinite_inputs=int(bad_x.sum()),
        nonfinite_targets=int(bad_y.sum()),
        target_mean=_number(target.mean()),
        target_std=_number(target.std(correction=0)),
        target_low=_number(target.min()) if target.numel() else NAN,
        target_high=_number(target.max()) if target.numel() else NAN,
        classes=classes,
        largest_class=largest,
    )


def _classes(y: Tensor, task: str | None) -> tuple[int, float]:
    if task not in ("multi-class", "binary") or not y.numel():
        return 0, NAN
    index = y.argmax(1) if y.ndim > 1 and y.shape[1] > 1 and y.is_floating_point() else y.flatten()
    counts = torch.unique(index, return_counts=True)[1]
    return len(counts), float(counts.max() / counts.sum())


def _number(x: Tensor) -> float:
    return float(x) if x.numel() else NAN
