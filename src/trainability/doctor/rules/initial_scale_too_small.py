"""Weights so small that inputs no longer differ when they reach the output."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, OutputReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, fmt
from trainability.doctor.rules._weights import he_range, scale_over_he, schemes

# A hundredth of the spread that He's weights give the same network: Xavier's (1/sqrt 2 of He's) come to it at fourteen
# layers, torch's own (1/sqrt 6) at six; above it the first steps make up for the scale.
SCALE, SPREAD = 0.85, 0.01
OF_TANH = 1 / math.sqrt(2)  # tanh's own scale, at which small signals keep their size, over He's


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, weights are under He's scale and the output hardly differs between inputs."""
    scale = scale_over_he(r.start)
    if not r.fails or scale > _limit(r.start) or r.healthy is None or r.sight.blind:
        return None
    spread, healthy = r.start.output.spread, r.healthy.output.spread
    if not (healthy > 0 and spread / healthy < SPREAD):
        return None
    layers = r.start.of("weight")
    lost = layers[-1].signal / layers[0].signal if len(layers) > 1 and layers[0].signal > 0 else math.nan
    per_layer = lost ** (1 / (len(layers) - 1)) if lost > 0 else math.nan
    kept = f"the signal shrinks by a factor {fmt(per_layer)} per layer over {len(layers)} layers."
    if per_layer != per_layer:
        kept = f"the first of {len(layers)} layers shows no difference at all."
    return Finding(
        cause="initial-scale-too-small",
        where=f"{len([w for w in r.start.weights if w.is_matrix])} weight matrices",
        evidence={
            "weights": schemes(r.start),
            "He's standard deviation": he_range(r.start),
            "weight scale over He's": scale,
            "output spread across inputs": spread,
            "output spread with He's weights": healthy,
            "factor per layer": per_layer,
            "layers": float(len(layers)),
        },
        says=(
            f"The weights are {schemes(r.start)}, {fmt(scale)} times He's standard deviation ({he_range(r.start)}). "
            f"Before training the outputs of different inputs differ by {fmt(spread)} (rms), against {fmt(healthy)} "
            f"with He's weights; {kept} The "
            "gradient shrinks by the same factors on its way back. "
            "It does not mean that the network is too deep, or that the learning rate is too low. "
            "Draw the weights with a standard deviation of sqrt(2/fan_in), or orthogonal with gain sqrt(2)."
        ),
        weight=60.0 + min(5.0, -math.log10(max(spread / healthy, 1e-12))),
    )


def _limit(start: Snapshot) -> float:
    kinds = {layer.kind for layer in start.of("activation")}
    return SCALE * OF_TANH if kinds == {"tanh"} else SCALE


_SMALL = tuple(WeightReading(f"{i}.weight", (64, 64), says="N(0, 0.01²)", std=0.01) for i in range(5))
_TANH = Snapshot(  # at tanh's own scale, and flat for another reason
    weights=tuple(WeightReading(f"{i}.weight", (64, 64), says="N(0, 0.125²)", std=0.125) for i in range(5)),
    layers=(LayerReading("1", "tanh", "activation"),),
    output=OutputReading(spread=1e-6),
)

RULE = Rule(
    cause="initial-scale-too-small",
    title="Initial weights too small for the depth",
    why=(
        "Below the critical scale every layer shrinks the differences between inputs and, on the way back, the "
        "gradient. With depth both fall exponentially: the network starts as a constant and gets no word of how to "
        "change."
    ),
    not_meant="Small weights in a shallow network are harmless: the first steps make them grow.",
    source="He et al. 2015, section 2.2: std 0.01 gives a gradient 1/(1.7e4) of what it should be in a VGG network.",
    judge=judge,
    sick=(
        Readings(
            start=Snapshot(weights=_SMALL, output=OutputReading(spread=1e-6)),
            healthy=Snapshot(output=OutputReading(spread=0.5)),
            runs=(RunReading(outcome="stalled", score=0.1),),
        ),
    ),
    healthy=(
        Readings(),
        Readings(
            start=_TANH, healthy=Snapshot(output=OutputReading(spread=0.5)), runs=(RunReading("stalled", score=0.1),)
        ),
        Readings(start=Snapshot(weights=_SMALL, output=OutputReading(spread=1e-6))),
    ),
)
