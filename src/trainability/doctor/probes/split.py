"""How the validation data differ from the training data: scale, a forest that tells them apart, labels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes._learners import Array, forest
from trainability.doctor.readings import SplitReading
from trainability.setup import Setup
from trainability.setup.finite import finite_rows
from trainability.setup.score import class_index

SAMPLE = 1000
FEATURES = 200
ORDERS = 999


def split_reading(setup: Setup) -> SplitReading | None:
    """Compare validation with training data, at most 1000 samples of each.

    A forest is trained on half of them to tell one from the other, and judged on the other half; where both were drawn
    alike, its p is at most 0.01 in 1% of cases. Labels are compared against 200 splits that were drawn anew.

    Args:
        setup: on finite data.

    Returns:
        SplitReading; None without validation data, with fewer than 10 samples, or with inputs of another shape.
    """
    if setup.validation_batches is None:
        return None
    (x, y), (v, w) = (_finite(*b.sample(SAMPLE)) for b in (setup.batches, setup.validation_batches))
    if min(len(x), len(v)) < 10 or x.shape[1:] != v.shape[1:] or y.shape[1:] != w.shape[1:]:
        return None
    a, b = (t.double().reshape(len(t), -1).numpy() for t in (x, v))
    chosen = np.linspace(0, a.shape[1] - 1, min(a.shape[1], FEATURES)).astype(int)
    a, b = a[:, chosen], b[:, chosen]
    auc, p = _told_apart(a, b)
    reading = SplitReading(
        n=len(v), train_rms=float(np.sqrt((a**2).mean())), rms=float(np.sqrt((b**2).mean())), auc=auc, auc_p=p
    )
    reading = _labels(reading, y, w, setup)
    return _scales(reading, a, b, chosen) if x.is_floating_point() else reading


def _finite(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    keep = finite_rows(x) & finite_rows(y)
    return x[keep].cpu(), y[keep].cpu()


def _scales(reading: SplitReading, a: Array, b: Array, chosen: Any) -> SplitReading:
    spread, other = a.std(0), b.std(0)
    live = (spread > 1e-9) & (other > 1e-9)
    if not live.any():
        return reading
    ratio = other[live] / spread[live]
    off = np.abs(b.mean(0) - a.mean(0))[live] / spread[live]
    factor = float(np.median(ratio))
    worst = int(off.argmax())
    fits = np.abs(b.mean(0)[live] / factor - a.mean(0)[live]) / spread[live]
    alike = float(np.median(np.abs(np.log(ratio / factor)))) < 0.2 and float(np.median(fits)) < 0.2
    return replace(
        reading,
        factor=factor,
        one_factor=alike and abs(math.log(factor)) > math.log(1.5),
        offset=float(np.median(off)),
        worst_feature=int(chosen[np.flatnonzero(live)[worst]]),
        worst_offset=float(off[worst]),
    )


def _told_apart(a: Array, b: Array) -> tuple[float, float]:
    """Held-out AUC of a forest for the origin, both origins weighing the same, and its p-value."""
    draw = np.random.default_rng(0)
    n = min(len(a), len(b))
    a, b = a[draw.permutation(len(a))[:n]], b[draw.permutation(len(b))[:n]]
    half = n // 2
    origin = np.repeat([0.0, 1.0], [half, half])
    first, second = np.concatenate([a[:half], b[:half]]), np.concatenate([a[half:], b[half:]])
    answers = forest(first, second)(origin[:, None])[:, 0]
    held = np.repeat([False, True], [n - half, n - half])
    ranks = _ranks(answers)
    given = _auc(ranks, held)
    orders = np.array([_auc(ranks, draw.permutation(held)) for _ in range(ORDERS)])
    return given, float((1 + (orders >= given - 1e-12).sum()) / (1 + ORDERS))


def _ranks(values: Array) -> Array:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values))


def _auc(ranks: Array, positive: Any) -> float:
    k = int(positive.sum())
    return float((ranks[positive].sum() - k * (k + 1) / 2) / (k * (len(ranks) - k)))


def _labels(reading: SplitReading, y: Tensor, w: Tensor, setup: Setup) -> SplitReading:
    """Distance of the labels' distributions, and the share of splits drawn anew with as large a one."""
    draw = np.random.default_rng(1)
    task = setup.facts.task
    if task in ("multi-class", "binary"):
        if y.ndim > 1 and y.shape[1:] == setup.facts.output.shape[1:] and y.shape[1] > 1:
            y, w = y.argmax(1), w.argmax(1)
        elif task == "multi-class":
            y, w = class_index(y, setup.facts.output), class_index(w, setup.facts.output)
        values, index = torch.unique(torch.cat([y.flatten(), w.flatten()]), return_inverse=True)
        if len(values) > 1000:
            return replace(reading, label_distance=math.nan, label_p=1.0)
        both, first = index.numpy(), y.numel()

        def distance(order: Array) -> float:
            one = np.bincount(order[:first], minlength=len(values)) / first
            two = np.bincount(order[first:], minlength=len(values)) / max(len(order) - first, 1)
            return float(np.abs(one - two).sum() / 2)

    else:
        both, first = torch.cat([y, w]).double().reshape(len(y) + len(w), -1).mean(1).numpy(), len(y)
        spread = float(both[:first].std())
        if spread <= 0:
            return replace(reading, label_distance=math.nan, label_p=1.0)

        def distance(order: Array) -> float:
            return float(abs(order[first:].mean() - order[:first].mean()) / spread)

    given = distance(both)
    others = np.array([distance(draw.permutation(both)) for _ in range(200)])
    share = float((1 + (others >= given - 1e-12).sum()) / 201)
    if task in ("multi-class", "binary"):
        return replace(reading, label_distance=given, label_p=share)
    return replace(reading, label_distance=math.nan, label_offset=given, label_p=share)
