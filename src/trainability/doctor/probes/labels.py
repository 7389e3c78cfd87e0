"""Labels: what they are, and whether quick learners see anything in the inputs that tells of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes._learners import (
    LEARNERS,
    Array,
    by_chance,
    correlation,
    features,
    forest,
    linear,
    nearest,
    p_value,
)
from trainability.doctor.readings import LabelReading, LearnerReading
from trainability.setup import Run, Setup
from trainability.setup.batches import Batches, TensorBatches
from trainability.setup.finite import finite_rows
from trainability.setup.score import constant_score

SAMPLE = 2000
COLUMNS = 20  # of the targets; more are projected
ORDERS = 999
SHIFTS = (1, -1, 2, -2, 3, -3)
POWER = 2.33 + 1.28  # of the normal distribution: p <= 0.01, seen in nine of ten cases
CLEAR = 6.0  # standard deviations; by chance less than once in 10^8 for one learner at one shift
NUMBERS = 30  # more whole numbers than this are a quantity


def label_reading(setup: Setup, runs: Sequence[Run], *, ask: bool) -> LabelReading:
    """Read the labels, and ask quick learners what the inputs tell of them.

    A learner is trained on half of at most 2000 samples and judged by the correlation of its answers with the labels
    of the other half, in either direction, against 999 orders of those labels. Where labels are independent of inputs,
    each learner's p is at most 0.01 in 1% of cases.

    Args:
        setup: on finite data.
        runs: the unchanged Setup's.
        ask: whether to ask the learners; otherwise only the labels themselves are read.

    Returns:
        LabelReading.
    """
    task = setup.facts.task
    x, y, rows, whole = _sample(setup.batches)
    kept = finite_rows(x) & finite_rows(y)
    if not bool(kept.any()):
        return LabelReading()
    several, none = _several(y[kept], setup.facts.output)
    classes = _numbers(y[kept]) if task == "regression" else 0
    skill, noise = _network(setup, runs)
    known = whole if whole is not None else y[kept]
    reading = LabelReading(
        several=several,
        none=none,
        columns=int(y[0].numel()),
        low=float(known.min()),
        high=float(known.max()),
        distinct=len(torch.unique(y[kept])),
        numbers=classes,
        in_order=_in_order(whole),
        sequence=x.ndim > 2 or not x.is_floating_point(),
        network_skill=skill,
        network_noise=noise,
    )
    targets = _targets(y, task, setup.facts.output)
    if not ask or targets is None or int(kept.sum()) < 20:
        return reading
    f = features(x[kept])
    labels = targets[kept.numpy()]
    half = len(f) // 2
    held = _centred(labels[half:])
    if not f.shape[1] or not held.any() or not _centred(labels[:half]).any():
        return reading
    draw = np.random.default_rng(0)
    orders = np.stack([draw.permutation(len(held)) for _ in range(ORDERS)])
    seen = []
    for name, learner in LEARNERS.items():
        answers = _centred(learner(f[:half], f[half:])(labels[:half]))
        seen.append(LearnerReading(name, correlation(answers, held), p_value(answers, held, orders)))
    reading = replace(
        reading, learners=tuple(seen), held_out=len(held), detectable=POWER / math.sqrt(max(len(held) - 1, 1))
    )
    if all(s.p > 0.01 for s in seen) and whole is not None and rows is not None:
        reading = _shifted(reading, f, rows[kept.numpy()], whole, setup)
    if classes:
        names, numbers = _names_or_numbers(f, y[kept].double().flatten().numpy())
        reading = replace(reading, as_classes=names, as_numbers=numbers)
    return reading


def _sample(data: Batches) -> tuple[Tensor, Tensor, Array | None, Tensor | None]:
    """Inputs, targets, their places, and all targets, where places mean something."""
    if not isinstance(data, TensorBatches):
        x, y = data.sample(SAMPLE)
        return x.cpu(), y.cpu(), None, None
    rows = torch.randperm(data.n, generator=torch.Generator().manual_seed(0))[:SAMPLE]
    at = rows.to(data.inputs.device)
    return data.inputs[at].cpu(), data.targets[at].cpu(), rows.numpy(), data.targets.cpu()


def _several(y: Tensor, output: Tensor) -> tuple[float, float]:
    rows = y.ndim == 2 and y.shape[1] > 1 and y.shape[1:] == output.shape[1:]
    if not rows or not bool(((y == 0) | (y == 1)).all()):
        return 0.0, 0.0
    count = y.double().sum(1)
    return float((count > 1).double().mean()), float((count == 0).double().mean())


def _numbers(y: Tensor) -> int:
    if y[0].numel() != 1:
        return 0
    values = torch.unique(y.double())
    n, first = len(values), float(values[0])
    whole = torch.equal(values, torch.arange(n, dtype=torch.float64) + first)
    return n if whole and first in (0.0, 1.0) and 3 <= n <= min(NUMBERS, len(y) // 10) else 0


def _in_order(y: Tensor | None) -> bool:
    if y is None or y[0].numel() != 1 or len(y) < 3:
        return False
    steps = y.double().flatten().diff()
    return bool((steps >= 0).all() or (steps <= 0).all()) and bool((steps != 0).any())


def _targets(y: Tensor, task: str, output: Tensor) -> Array | None:
    """Targets as columns that vary: classes as 0 and 1, numbers with spread 1; None for a label per place."""
    if task in ("multi-class", "binary") and y.ndim > 1 and y.shape[1:].numel() > 1 and y.shape[1:] != output.shape[1:]:
        return None
    if task in ("multi-class", "binary") and y[0].numel() == 1:
        values, index = np.unique(y.numpy().reshape(-1), return_inverse=True)
        if len(values) > len(y) // 4 + 2:
            return None
        columns = np.eye(len(values))[index.reshape(-1)]
    else:
        columns = y.double().reshape(len(y), -1).numpy()
        spread = np.nanstd(np.where(np.isfinite(columns), columns, np.nan), axis=0)
        columns = columns / np.where(spread > 0, spread, 1.0)
    if columns.shape[1] > COLUMNS:
        columns = columns @ np.random.default_rng(0).standard_normal((columns.shape[1], COLUMNS))
    return np.asarray(columns, dtype=float)


def _centred(a: Array) -> Array:
    return np.asarray(a - a.mean(0))


def _shifted(reading: LabelReading, f: Array, rows: Array, whole: Tensor, setup: Setup) -> LabelReading:
    """The shift at which labels belong to inputs, if there is one, and whether validation data are shifted alike."""
    found = _at_shifts(f, rows, _targets(whole, setup.facts.task, setup.facts.output))
    best = max(found, key=lambda k: found[k][1])
    strength, z = found[best]
    if not best or not z >= CLEAR:
        return reading
    there, data = 0, setup.validation_batches
    if isinstance(data, TensorBatches):
        x, _, at, targets = _sample(data)
        if at is not None and targets is not None and len(x) >= 20:
            fresh = _at_shifts(features(x), at, _targets(targets, setup.facts.task, setup.facts.output))
            there = best if fresh[best][1] > max(CLEAR / 2, fresh[0][1]) else 0
    return replace(reading, shift=best, shift_correlation=strength, shift_z=z, validation_shift=there)


def _at_shifts(f: Array, rows: Array, known: Array | None) -> dict[int, tuple[float, float]]:
    """Shift k -> held-out correlation of inputs with the labels k places back, and over its spread by chance.

    The learners are the two that answer again at no cost; labels beyond the ends count as the mean.
    """
    best = dict.fromkeys((0, *SHIFTS), (0.0, 0.0))
    if known is None:
        return best
    half = len(f) // 2
    learners = [learner(f[:half], f[half:]) for learner in (linear, nearest)]
    for k in best:
        at = rows - k
        inside = (at >= 0) & (at < len(known))
        labels = np.where(inside[:, None], _centred(known)[np.clip(at, 0, len(known) - 1)], 0.0)
        held = _centred(labels[half:])
        for learner in learners:
            answers = _centred(learner(labels[:half]))
            chance, seen = by_chance(answers, held), correlation(answers, held)
            if chance > 0 and seen / chance > best[k][1]:
                best[k] = (seen, seen / chance)
    return best


def _names_or_numbers(f: Array, y: Array) -> tuple[float, float]:
    """Held-out accuracy of one forest on the class numbers as names, and of one on them as quantities.

    A forest's answers shrink towards the mean; they are cut where the shares of classes are those of the training half.
    """
    half = len(f) // 2
    values = np.unique(y)
    ask = forest(f[:half], f[half:])
    as_names = values[ask((y[:half, None] == values).astype(float)).argmax(1)]
    order = np.argsort(ask(y[:half, None])[:, 0], kind="stable")
    as_numbers = np.empty(len(y) - half)
    as_numbers[order] = np.quantile(y[:half], np.linspace(0, 1, len(order)), method="nearest")
    return float((as_names == y[half:]).mean()), float((as_numbers == y[half:]).mean())


def _network(setup: Setup, runs: Sequence[Run]) -> tuple[float, float]:
    """The best run's skill on validation data, and what chance does to it."""
    data = setup.validation_batches
    if data is None:
        return math.nan, math.nan
    y = data.sample(1024)[1]
    try:
        base = constant_score(y, setup.facts.task)
    except (RuntimeError, ValueError):
        return math.nan, math.nan
    skills = [(r.validation_score - base) / max(1 - base, 1e-9) for r in runs if math.isfinite(r.validation_score)]
    if setup.facts.task == "regression":
        noise = 1 / math.sqrt(max(len(y), 1))
    else:
        noise = math.sqrt(max(base * (1 - base), 0.0) / max(len(y), 1)) / max(1 - base, 1e-9)
    return (max(skills), noise) if skills else (math.nan, noise)
