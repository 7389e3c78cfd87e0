"""Wrong training labels, seen from the validation rows: a learner of those agrees with their labels and not with these."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.doctor.probes._learners import LEARNERS, features
from trainability.doctor.readings import NoiseReading
from trainability.setup import Setup
from trainability.setup.finite import finite_rows
from trainability.setup.score import class_index

SAMPLE, FEWEST, CLASSES = 1000, 40, 100
ASKED = ("linear", "forest")


def noise_reading(setup: Setup) -> NoiseReading | None:
    """Train quick learners on halves of the validation rows; read their agreement with both sides' labels.

    With accuracy a on validation labels, K classes, and a share p of training labels replaced by another class, the
    accuracy on training labels is (1 - p) a + p (1 - a) / (K - 1), as long as inputs are drawn alike.

    Args:
        setup: on finite data; stays as it is.

    Returns:
        NoiseReading of the learner that is best on validation rows; None without classes, one per row, or with fewer
        than 40 validation rows.
    """
    if setup.validation_batches is None or setup.facts.task not in ("multi-class", "binary"):
        return None
    (x, y), (v, w) = (_finite(*b.sample(SAMPLE)) for b in (setup.batches, setup.validation_batches))
    if len(v) < FEWEST or len(x) < FEWEST or x.shape[1:] != v.shape[1:]:
        return None
    labels, known = _labels(y, setup), _labels(w, setup)
    if labels is None or known is None:
        return None
    values, index = np.unique(np.concatenate([labels, known]), return_inverse=True)
    count = len(values)
    if not 2 <= count <= CLASSES:
        return None
    f = features(torch.cat([x, v]))
    if not f.shape[1]:
        return None
    f, g = f[: len(x)], f[len(x) :]
    labels, known = index[: len(x)], index[len(x) :]
    order = np.random.default_rng(0).permutation(len(g))
    halves = order[: len(g) // 2], order[len(g) // 2 :]
    best: NoiseReading | None = None
    for name in ASKED:
        right, agree = 0, []
        for one, two in (halves, halves[::-1]):
            ask = LEARNERS[name](g[one], np.concatenate([g[two], f]))(np.eye(count)[known[one]]).argmax(1)
            right += int((ask[: len(two)] == known[two]).sum())
            agree.append(float((ask[len(two) :] == labels).mean()))
        found = _reading(name, right / len(g), float(np.mean(agree)), len(g), len(f), count, labels)
        best = found if best is None or found.validation > best.validation else best
    return best


def _reading(name: str, a: float, b: float, n: int, m: int, count: int, labels: Any) -> NoiseReading:
    gap = a - (1 - a) / (count - 1)  # how far an accuracy falls as the noise goes from 0 to 1
    noise = (a - b) / gap if gap > 0.05 else math.nan
    # d noise / da = (1 - noise * K / (K - 1)) / gap, d noise / db = -1 / gap
    slope = 1 - noise * count / (count - 1)
    spread = math.sqrt(slope**2 * _variance(a, n) + _variance(b, m)) / gap if gap > 0.05 else math.nan
    return NoiseReading(
        learner=name,
        validation=a,
        training=b,
        validation_n=n,
        training_n=m,
        classes=count,
        chance=float(np.bincount(labels).max() / len(labels)),
        noise=noise,
        low=noise - 1.96 * spread,
        high=noise + 1.96 * spread,
    )


def _variance(share: float, n: int) -> float:
    """Of a share of n, kept from 0 at the ends (Agresti and Coull)."""
    share = (share * n + 2) / (n + 4)
    return share * (1 - share) / (n + 4)


def _finite(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    keep = finite_rows(x) & finite_rows(y)
    return x[keep].cpu(), y[keep].cpu()


def _labels(y: Tensor, setup: Setup) -> Any:
    """One class number per row, or None."""
    if y.ndim > 1 and y.shape[1:] == setup.facts.output.shape[1:] and y[0].numel() > 1:
        y = y.argmax(1)
    elif setup.facts.task == "multi-class":
        y = class_index(y, setup.facts.output[: len(y)])
    y = y.reshape(len(y), -1)
    return y[:, 0].numpy() if y.shape[1] == 1 else None
