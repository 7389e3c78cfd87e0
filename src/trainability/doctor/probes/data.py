"""The data as given: scales, ranges, non-finite values."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.doctor.readings import NAN, DataReading
from trainability.setup.batches import Batches, TensorBatches
from trainability.setup.finite import finite_rows

SAMPLE = 4096
MOST = 512  # features beyond which their correlation matrix is not looked at
COPY = 1e-6
ROUNDING, FLAT = 1e-10, 1e-3  # of the largest eigenvalue


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
    copied, condition, flat = _collinear(features[:, varies], y, task)
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
        whole_inputs=bool((features == features.round()).all()),
        input_low=_number(features.min()) if features.numel() else NAN,
        input_high=_number(features.max()) if features.numel() else NAN,
        constant_features=float((~varies).double().mean()) if len(varies) else 0.0,
        copied_features=copied,
        condition=condition,
        flat_skill=flat,
    )


def _collinear(features: Tensor, y: Tensor, task: str | None) -> tuple[float, float, float]:
    """Share of copies, condition of the correlation matrix, and the targets' share along its flat directions.

    Needs a task and at least twice as many samples as features that vary.
    """
    n, d = features.shape
    if task is None or not 2 <= d <= MOST or n < 2 * d:
        return 0.0, NAN, NAN
    z = (features - features.mean(0)) / features.std(0, correction=0)
    matrix = z.T @ z / n
    if not bool(torch.isfinite(matrix).all()):
        return 0.0, NAN, NAN
    copied = float((matrix.abs().triu(1) > 1 - COPY).any(0).double().mean())
    values, vectors = torch.linalg.eigh(matrix)
    above = values > ROUNDING * values[-1]
    condition = float(values[-1] / values[above].min())
    flat = above & (values < FLAT * values[-1])
    targets = _columns(y, task)
    spread = float(targets.square().sum())
    if spread <= 0 or not bool(flat.any()):
        return copied, condition, 0.0
    along = vectors[:, flat].T @ (z.T @ targets)
    explained = float((along.square().sum(1) / (n * values[flat])).sum()) / spread
    return copied, condition, max(explained - int(flat.sum()) / n, 0.0)


def _columns(y: Tensor, task: str) -> Tensor:
    """Centred targets as columns; classes as 0 and 1."""
    if task == "multi-class" and not y.is_floating_point() and y.ndim == 1:
        columns = torch.nn.functional.one_hot(torch.unique(y, return_inverse=True)[1]).double()
    else:
        columns = y.double().reshape(len(y), -1)
    return columns - columns.mean(0)


def _classes(y: Tensor, task: str | None) -> tuple[int, float]:
    if task not in ("multi-class", "binary") or not y.numel():
        return 0, NAN
    index = y.argmax(1) if y.ndim > 1 and y.shape[1] > 1 and y.is_floating_point() else y.flatten()
    counts = torch.unique(index, return_counts=True)[1]
    return len(counts), float(counts.max() / counts.sum())


def _number(x: Tensor) -> float:
    return float(x) if x.numel() else NAN
