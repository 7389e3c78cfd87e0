"""The gradient shrinks from layer to layer on its way back."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

# A factor of 1000 over the network: with one learning rate for all, the first layers move 1000 times less.
RATIO, LAYERS = 1e-3, 4


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and the first weight layer's gradient is under a thousandth of the last one's."""
    layers = [x for x in r.start.of("weight") if x.gradient == x.gradient]
    if not r.fails or len(layers) < LAYERS or not layers[-1].gradient > 0:
        return None
    ratio = layers[0].gradient / layers[-1].gradient
    if ratio >= RATIO:
        return None
    per_layer = ratio ** (1 / (len(layers) - 1)) if ratio > 0 else 0.0
    kinds = ", ".join(dict.fromkeys(x.kind for x in r.start.of("activation")[:-1])) or "no activation"
    return Finding(
        cause="vanishing-gradient",
        where=f"{layers[0].name} to {layers[-1].name}",
        evidence={
            "gradient at the first layer over the last": ratio,
            "factor per layer": per_layer,
            "layers": float(len(layers)),
            "gradient rms at the first layer": layers[0].gradient,
            "gradient rms at the last layer": layers[-1].gradient,
            "activations": kinds,
        },
        says=(
            f"Before training the gradient at {layers[0].name} is {fmt(ratio)} of that at {layers[-1].name}: a factor "
            f"of {fmt(per_layer)} per layer over {len(layers)} layers (activations: {kinds}). The first layers stay as "
            "they were drawn, and what they let through decides what the last ones can learn. "
            "It does not mean that a larger learning rate would help: the last layers would leave first. "
            "Try an activation and an initializer that belong together (ReLU with He, tanh with Xavier, SELU with "
            "LeCun), normalisation, or shortcuts."
        ),
        weight=56.0 + min(5.0, -math.log10(max(ratio, 1e-30)) / 4),
    )


def _deep(factor: float) -> Snapshot:
    layers = tuple(LayerReading(f"{i}", "linear", "weight", gradient=1e-2 * factor ** (8 - i)) for i in range(9))
    return Snapshot(layers=layers)


_STALLED = (RunReading(outcome="stalled", score=0.1),)

RULE = Rule(
    cause="vanishing-gradient",
    title="Vanishing gradient",
    why=(
        "Going back through a layer multiplies the gradient by the weights and the activation's slope. Where that is "
        "below 1 on average (a sigmoid's slope is at most 1/4), the gradient falls exponentially with depth."
    ),
    not_meant="Small gradients everywhere are not this: the ratio between layers is.",
    source="Glorot & Bengio 2010, section 4.2; threshold: a thousandth, chosen.",
    judge=judge,
    sick=(Readings(start=_deep(0.3), runs=_STALLED),),
    healthy=(Readings(), Readings(start=_deep(0.3)), Readings(start=_deep(0.9), runs=_STALLED)),
)
