"""Different inputs leave the deep layers pointing the same way."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

# A wide ReLU network keeps 1 - c of about 9 pi^2 / (2 l^2) after l layers: 0.05 is reached at thirty layers, where
# plain ReLU networks begin to be hard to train, and a tenth of what the first layer had is lost by depth and not by data.
COSINE, LOST, LAYERS = 0.95, 0.1, 5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and depth took nine tenths of the angle between inputs and left a cosine above 0.95."""
    layers = r.start.of("weight")
    directions = [x for x in layers[:-1] if math.isfinite(x.cosine)]
    if not r.fails or len(layers) < LAYERS or len(directions) < LAYERS - 1:
        return None
    first, last = directions[0], directions[-1]
    had, left = 1 - first.cosine, 1 - last.cosine
    if not had > 0 or last.cosine < COSINE or left > LOST * had:
        return None
    half = next((i + 1 for i, x in enumerate(directions) if 1 - x.cosine <= had / 2), len(directions))
    kinds = ", ".join(dict.fromkeys(x.kind for x in r.start.of("activation")[:-1])) or "no known activation"
    rank = f", which fill {fmt(last.rank)} directions where {fmt(first.rank)} came in" if last.rank >= 1 else ""
    return Finding(
        cause="rank-collapse",
        where=f"{first.name} to {last.name}",
        evidence={
            "mean cosine between inputs at the first layer": first.cosine,
            "mean cosine between inputs at the last hidden layer": last.cosine,
            "stable rank at the first layer": first.rank,
            "stable rank at the last hidden layer": last.rank,
            "layers": float(len(layers)),
            "layers after which half of the angle is gone": float(half),
            "activations": kinds,
        },
        says=(
            f"Before training the mean cosine between the outputs of two inputs rises from {fmt(first.cosine)} at "
            f"{first.name} to {last.cosine:.4f} at {last.name}{rank} ({len(layers)} layers, activations: {kinds}; half "
            f"of 1 - cosine is gone after {half}). What the last layer gets is nearly one direction, the same for "
            "every input, and gradient steps move all answers together. "
            "It does not mean that the scale of the weights is wrong: the directions are. "
            "Use fewer layers, shortcuts, normalisation over the batch, or tanh with orthogonal weights, and a smaller "
            "learning rate where the depth has to stay."
        ),
        weight=52.5 + min(3.0, -math.log10(max(left / had, 1e-12)) - 1.0),
    )


def _deep(last: float) -> Snapshot:
    cosines = (0.6, 0.8, 0.9, last, last, last)
    return Snapshot(
        layers=tuple(LayerReading(f"{2 * i}", "linear", "weight", cosine=c, rank=1 / c) for i, c in enumerate(cosines))
    )


_STALLED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="rank-collapse",
    title="Inputs become collinear with depth",
    why=(
        "Each ReLU layer maps the correlation c of two inputs to a larger one, with the fixed point 1; with tanh this "
        "holds in the ordered phase. After enough layers all inputs lie on one line."
    ),
    not_meant="A high cosine that is in the data (inputs with a large common offset) is not this: the rise is.",
    source="Poole and others 2016, arXiv 1606.05340, section 2.2. Thresholds: the ReLU map at thirty layers.",
    judge=judge,
    sick=(Readings(start=_deep(0.999), runs=_STALLED),),
    healthy=(
        Readings(),
        Readings(start=_deep(0.999)),
        Readings(start=_deep(0.93), runs=_STALLED),
        Readings(
            start=replace(_deep(0.97), layers=tuple(replace(x, cosine=0.97) for x in _deep(0.97).layers)),
            runs=_STALLED,
        ),
    ),
)
