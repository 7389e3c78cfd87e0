"""An activation that grows faster than its input, so that layers raise each other to powers."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, ResponseReading, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# ReLU and its kin grow with the power 1 and squashing ones with less; a bias lowers the power. A square gives 2. A start
# twenty times above the best constant answer is what the rule for large weights calls absurd.
POWER, LOSS = 1.5, 20.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs diverge or start absurdly, and a layer's output grows like a power of the one before."""
    seen, run = r.response, r.runs[0]
    absurd = not seen.finite or run.start_loss > LOSS * run.constant_loss > 0
    if not (r.diverged >= 1 / 3 or (r.fails and absurd)):
        return None
    if not (seen.growth >= POWER and seen.total_growth >= POWER):
        return None
    first, second = seen.grows_between
    layers = r.start.of("weight")
    sizes = [x.rms for x in layers if math.isfinite(x.rms)]
    along = f" Along the layers the rms goes from {fmt(sizes[0])} to {fmt(sizes[-1])}." if len(sizes) > 1 else ""
    return Finding(
        cause="exploding-activation",
        where=f"between {first} and {second}",
        evidence={
            "power of growth between the two": seen.growth,
            "power of growth of the whole network": seen.total_growth,
            "loss at the start": run.start_loss,
            "share of runs that failed": r.failed,
        },
        says=(
            f"Between {first} and {second} the signal grows like its power {fmt(seen.growth)}, and at the last layer "
            f"like the inputs' power {fmt(seen.total_growth)} (ReLU: 1): twice the input is "
            f"{fmt(2 ** min(seen.total_growth, 1000.0))} times the output.{along} {share(r.failed)} of the runs failed: "
            "a step that makes the weights a little larger makes the outputs and gradients larger by "
            "that power. It does not mean that the activation cannot be used, but it needs a normalisation before it. "
            "Use an activation that grows no faster than its input (ReLU, tanh, GELU)."
        ),
        weight=68.0,
    )


_SQUARE = ResponseReading(growth=2.0, total_growth=8.0, grows_between=("0", "2"))
_WILD = (RunReading("diverged", score=0.1),)

RULE = Rule(
    cause="exploding-activation",
    title="Activation that grows faster than its input",
    why="A square behind each of L layers makes the output a polynomial of degree 2^L in inputs and weights.",
    not_meant="Gated and squared units behind a normalisation layer are in daily use: their input has a fixed size.",
    source="Follows from the definition: the power is measured by scaling the inputs by 1.25. Threshold: chosen.",
    judge=judge,
    sick=(
        Readings(response=_SQUARE, start=Snapshot(), runs=_WILD),
        Readings(response=replace(_SQUARE, finite=False), runs=(RunReading("stalled", score=0.1),)),
    ),
    healthy=(
        Readings(),
        Readings(response=_SQUARE),
        Readings(response=_SQUARE, runs=(RunReading("stalled", score=0.1),)),
        Readings(response=replace(_SQUARE, growth=1.05, total_growth=1.0), runs=_WILD),
    ),
)
