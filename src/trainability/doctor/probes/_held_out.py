"""Train a quick learner on one half of a sample and judge it on the other: shared by probes that compare two views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes._learners import Array, Learner, correlation

MOST = 30  # columns of targets; beyond, random combinations


def columns(y: Tensor, task: str) -> Array | None:
    """Targets as centred columns of spread 1; a class per sample as 0 and 1; None for what is neither.

    Example:
        >>> columns(torch.tensor([0, 1, 1, 0]), "binary").shape
        (4, 2)
    """
    single = y.ndim == 1 or y[0].numel() == 1
    if not single and y.ndim != 2:
        return None
    if task in ("multi-class", "binary") and single:
        names, index = np.unique(y.numpy().reshape(-1), return_inverse=True)
        if len(names) > len(y) // 4 + 2:
            return None
        found = np.eye(len(names))[index.reshape(-1)]
    elif task == "multi-class" and not y.is_floating_point():
        return None  # a class per place
    else:
        found = y.double().reshape(len(y), -1).numpy()
    found = found - found.mean(0)
    spread = found.std(0)
    found = found[:, spread > 0] / spread[spread > 0]
    if not found.shape[1] or not np.isfinite(found).all():
        return None
    if found.shape[1] > MOST:
        found = found @ np.random.default_rng(0).standard_normal((found.shape[1], MOST))
    return np.asarray(found, dtype=float)


def best_correlation(views: Sequence[tuple[Array, Sequence[Learner]]], labels: Array) -> float:
    """The largest held-out correlation of any learner on any view; 0 without a view that varies.

    Args:
        views: (features (n, d), learners) pairs.
        labels: (n, k).
    """
    half, best = len(labels) // 2, 0.0
    held = labels[half:] - labels[half:].mean(0)
    for f, learners in views:
        if not f.shape[1]:
            continue
        for learner in learners:
            answers = learner(f[:half], f[half:])(labels[:half])
            best = max(best, correlation(answers - answers.mean(0), held))
    return best


def finite_sample(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Rows without a number that is not finite, on the CPU."""
    x, y = x.cpu(), y.cpu()
    kept = torch.ones(len(x), dtype=torch.bool)
    for t in (x, y):
        if t.is_floating_point():
            kept &= torch.isfinite(t.reshape(len(t), -1)).all(1)
    return x[kept], y[kept]
