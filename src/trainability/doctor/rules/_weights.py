"""How large a network's weights are against He's, over all its matrices."""

from __future__ import annotations

import math

from trainability.doctor.readings import Snapshot, WeightReading


def matrices(start: Snapshot) -> list[WeightReading]:
    """The weights with fans, in the model's order."""
    return [w for w in start.weights if w.is_matrix and w.he_std > 0 and math.isfinite(w.std)]


def scale_over_he(start: Snapshot) -> float:
    """Geometric mean over matrices of (root mean square of the weights) / (He's standard deviation); 1 without any."""
    ratios = [math.hypot(w.std, w.mean) / w.he_std for w in matrices(start)]
    ratios = [ratio for ratio in ratios if ratio > 0]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else 1.0


def schemes(start: Snapshot) -> str:
    """The first three schemes of the matrices in words, each once: "U[-1, 1], U[-0.5, 0.5]"."""
    said = list(dict.fromkeys(w.says for w in matrices(start)))
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def he_range(start: Snapshot) -> str:
    """He's standard deviations for these shapes, in words.

    Example:
        >>> he_range(Snapshot(weights=(WeightReading("0.weight", (64, 64)),)))
        '0.177'
    """
    stds = [w.he_std for w in matrices(start)]
    if not stds:
        return "unknown"
    low, high = f"{min(stds):.3g}", f"{max(stds):.3g}"
    return low if low == high else f"{low} to {high}"
