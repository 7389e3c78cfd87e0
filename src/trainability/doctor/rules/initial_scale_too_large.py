"""Weights so large that every layer amplifies what it gets."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, fmt
from trainability.doctor.rules._weights import he_range, scale_over_he, schemes

# U[-0.5, 0.5] at fan_in 64 is 1.63 times He and trains on most seeds, U[-1, 1] is 3.3 times and does not; outputs five
# times those of a He network already start a ten-class softmax near certainty.
SCALE, AMPLIFIED, LOSS = 1.4, 5.0, 20.0


def judge(r: Readings) -> Finding | None:
    """Fires where weights are above He's scale and either the output or the starting loss shows it."""
    scale = scale_over_he(r.start)
    run = r.runs[0]
    absurd = run.start_loss > LOSS * run.constant_loss > 0
    if scale < SCALE or not (r.fails or absurd):
        return None
    healthy = r.healthy.output.rms if r.healthy else math.nan
    amplified = r.start.output.rms / healthy if healthy > 0 else math.inf
    saturated = max((x.saturated for x in r.start.of("activation")[:-1] if x.saturated == x.saturated), default=0.0)
    if not (amplified >= AMPLIFIED or saturated >= 0.5 or absurd):
        return None
    hidden = r.start.of("weight")
    factor = _factor(hidden[0].mean_square, hidden[-1].mean_square, len(hidden)) if len(hidden) > 2 else math.nan
    evidence: dict[str, float | str] = {
        "weights": schemes(r.start),
        "He's standard deviation": he_range(r.start),
        "weight scale over He's": scale,
        "output rms before training": r.start.output.rms,
        "output rms with He's weights": healthy,
        "loss at the start": run.start_loss,
        "loss of the best constant answer": run.constant_loss,
    }
    per_layer = ""
    if math.isfinite(factor):
        evidence["factor per layer"] = math.sqrt(factor)
        evidence["layers"] = float(len(hidden))
        grows = "grows" if factor > 1 else "shrinks"
        per_layer = (
            f" The signal {grows} by a factor {fmt(math.sqrt(factor))} per layer over {len(hidden)} layers, where He's "
            "weights keep it."
        )
    return Finding(
        cause="initial-scale-too-large",
        where=f"{len([w for w in r.start.weights if w.is_matrix])} weight matrices",
        evidence=evidence,
        says=(
            f"The weights are {schemes(r.start)}, {fmt(scale)} times He's standard deviation ({he_range(r.start)} for "
            f"these shapes).{per_layer} Before training the output's rms is {fmt(r.start.output.rms)}, against "
            f"{fmt(healthy)} with He's weights, and the loss is {fmt(run.start_loss)} against "
            f"{fmt(run.constant_loss)} for a constant answer. "
            "It does not mean that the distribution's shape is wrong: a normal one of the same variance does the same. "
            "Draw the weights with a standard deviation of sqrt(2/fan_in)."
        ),
        weight=60.0 + min(5.0, math.log10(max(scale, 1.0)) * 5),
    )


def _factor(first: float, last: float, layers: int) -> float:
    return (last / first) ** (1 / (layers - 1)) if first > 0 and last > 0 else math.nan


_WIDE = tuple(WeightReading(f"{i}.weight", (64, 64), says="U[-1, 1]", std=0.577, kind="uniform") for i in range(5))

RULE = Rule(
    cause="initial-scale-too-large",
    title="Initial weights too large for the depth",
    why=(
        "A ReLU layer multiplies the mean square of its input by fan_in var(w) / 2. Above 1 the signal grows "
        "exponentially with depth: outputs start huge, softmax starts certain, and the stable learning rate shrinks."
    ),
    not_meant="Uniform against normal is not the point: the variance is.",
    source="He et al. 2015, section 2.2, equations 9 to 10; measured table of schemes on digits for the thresholds.",
    judge=judge,
    sick=(
        Readings(
            start=Snapshot(weights=_WIDE, output=OutputReading(rms=300.0)),
            healthy=Snapshot(output=OutputReading(rms=0.6)),
            runs=(RunReading(outcome="stalled", score=0.1),),
        ),
    ),
    healthy=(
        Readings(),
        Readings(
            start=Snapshot(weights=tuple(replace(w, std=0.2) for w in _WIDE)),
            runs=(RunReading(outcome="stalled", score=0.1),),
        ),
    ),
)
