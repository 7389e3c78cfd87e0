"""A hidden layer that lets too little through."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CapacityReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

NARROW = 4.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail without diverging and a hidden layer is four times narrower than both its sides."""
    c = r.capacity
    sides = min(c.fan_in, c.outputs)
    if not r.fails or r.diverged >= 1 / 3 or c.units < 1 or c.units * NARROW > sides:
        return None
    best = max((run.skill for run in r.runs if run.skill == run.skill), default=float("nan"))
    got = "" if best != best else f" The best run got {fmt(best)} of what a constant answer leaves open."
    return Finding(
        cause="bottleneck-too-narrow",
        where=c.layer,
        evidence={
            "units of the layer": float(c.units),
            "numbers that go into it": float(c.fan_in),
            "outputs of the model": float(c.outputs),
            "share of runs that stalled": r.stalled,
            "best skill on training data": best,
        },
        says=(
            f"Layer {c.layer!r} has {c.units} unit{'s' if c.units > 1 else ''} between {c.fan_in} numbers that go in "
            f"and {c.outputs} outputs: the model's answers lie on a surface of {c.units} "
            f"dimension{'s' if c.units > 1 else ''}.{got} "
            "It does not mean that so few units cannot be enough in principle: an encoder may be meant to be narrow. "
            "Make the layer wider."
        ),
        severity="critical" if c.units * NARROW**2 <= sides or r.task != "regression" else "warning",
        weight=51.0 if r.task != "regression" else 42.0,
    )


_FAILED = (RunReading(outcome="stalled", score=0.25),)
_ONE = CapacityReading(layer="2", units=1, fan_in=64, outputs=10)

RULE = Rule(
    cause="bottleneck-too-narrow",
    title="Bottleneck too narrow",
    why="What comes after a layer of k units is a function of k numbers, whatever the inputs were.",
    not_meant="An autoencoder is narrow on purpose; one hidden unit can be right for one output.",
    source="The dimension follows from the structure; the factor of four is chosen.",
    judge=judge,
    sick=(Readings(capacity=_ONE, runs=_FAILED), Readings(capacity=replace(_ONE, units=2), runs=_FAILED)),
    healthy=(
        Readings(),
        Readings(capacity=_ONE),
        Readings(capacity=replace(_ONE, outputs=1), runs=_FAILED),
        Readings(capacity=replace(_ONE, units=8), runs=_FAILED),
        Readings(capacity=replace(_ONE, units=0, layer=""), runs=_FAILED),
    ),
)
