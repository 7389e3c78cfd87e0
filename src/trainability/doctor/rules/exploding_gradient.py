"""The gradient grows from layer to layer on its way back, and the run breaks."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

RATIO, LAYERS = 1e3, 4


def judge(r: Readings) -> Finding | None:
    """Fires where runs diverge and the first weight layer's gradient is over a thousand times the last one's."""
    layers = [x for x in r.start.of("weight") if x.gradient == x.gradient]
    if r.diverged < 1 / 3 or len(layers) < LAYERS or not layers[-1].gradient > 0:
        return None
    ratio = layers[0].gradient / layers[-1].gradient
    if ratio <= RATIO:
        return None
    per_layer = ratio ** (1 / (len(layers) - 1))
    return Finding(
        cause="exploding-gradient",
        where=f"{layers[0].name} to {layers[-1].name}",
        evidence={
            "gradient at the first layer over the last": ratio,
            "factor per layer": per_layer,
            "layers": float(len(layers)),
            "gradient norm over all weights": r.start.gradient_norm,
            "share of runs that diverged": r.diverged,
        },
        says=(
            f"Before training the gradient at {layers[0].name} is {fmt(ratio)} times that at {layers[-1].name}: a "
            f"factor of {fmt(per_layer)} per layer over {len(layers)} layers, and the runs diverged. One step moves "
            "the first layers out of every range where the gradient was valid. "
            "It does not mean that the data are wrong. Try He's weights, a smaller learning rate, or clipping."
        ),
        weight=56.0 + min(5.0, math.log10(ratio) / 4),
    )


def _deep(factor: float) -> Snapshot:
    layers = tuple(LayerReading(f"{i}", "linear", "weight", gradient=1e-2 * factor ** (8 - i)) for i in range(9))
    return Snapshot(layers=layers)


RULE = Rule(
    cause="exploding-gradient",
    title="Exploding gradient",
    why="Weights above the critical scale multiply the gradient in every layer on its way back.",
    not_meant="A large gradient in one layer is not this: the ratio between layers is.",
    source="He et al. 2015, section 2.2, backward case (equation 13); threshold: a thousand, chosen.",
    judge=judge,
    sick=(Readings(start=_deep(4.0), runs=(RunReading(outcome="diverged", score=0.1),)),),
    healthy=(Readings(), Readings(start=_deep(4.0)), Readings(start=_deep(4.0), runs=(RunReading("stalled"),))),
)
