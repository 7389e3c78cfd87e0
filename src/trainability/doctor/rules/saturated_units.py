"""Sigmoid or tanh units that sit on their flat parts."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

SATURATED = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and half of a hidden layer's values lie where the slope is under 5% of its largest."""
    if not r.fails:
        return None
    for now in (r.start, r.early, r.end):
        hidden = [x for x in now.layers if x.saturated == x.saturated and x.name != r.start.output.path] if now else []
        worst = max(hidden, key=lambda x: x.saturated, default=None)
        if now is not None and worst is not None and worst.saturated >= SATURATED:
            return _finding(now, worst)
    return None


def _finding(now: Snapshot, worst: LayerReading) -> Finding:
    when = "Before the first step" if now.step == 0 else f"After {now.step} steps"
    return Finding(
        cause="saturated-units",
        where=worst.name,
        evidence={
            "share of saturated values": worst.saturated,
            "units in the layer": float(worst.units),
            "measured at step": float(now.step),
        },
        says=(
            f"{when} {share(worst.saturated)} of the values of {worst.name} ({worst.kind}) lie where its slope is "
            f"under 5% of the largest, with an rms of {fmt(worst.rms)}; hardly any gradient passes. "
            "It does not mean that the learning rate is too small. "
            "Try smaller weights (Xavier), standardised inputs, or another activation."
        ),
        weight=54.0 * worst.saturated + 6.0,
    )


_SAT = Snapshot(layers=(LayerReading("1", "tanh", "activation", saturated=0.9),))
_STALLED = (RunReading(outcome="stalled", score=0.1),)

RULE = Rule(
    cause="saturated-units",
    title="Saturated hidden units",
    why="On the flat part of a sigmoid or tanh the slope is near 0, so that neither signal nor gradient gets through.",
    not_meant="Some saturated units late in training are normal: they have decided.",
    source="Glorot & Bengio 2010, section 3; LeCun et al. 1998, section 4.4. Threshold: half of a layer, chosen.",
    judge=judge,
    sick=(Readings(start=_SAT, runs=_STALLED),),
    healthy=(
        Readings(),
        Readings(start=_SAT),
        Readings(start=replace(_SAT, layers=(replace(_SAT.layers[0], saturated=0.1),)), runs=_STALLED),
    ),
)
