"""Dropout that leaves too few units, or falls on the output itself."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CapacityReading, GraphReading, Readings, RunReading, WiringReading
from trainability.doctor.rules._rule import Rule, fmt, share

SHARE, LEFT, LIGHT = 0.8, 4.0, 0.05


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and dropout falls on the output, or leaves a fifth of its units at most, or fewer than four."""
    c = r.capacity
    if r.fails and r.graph.wiring.dropout and r.graph.wiring.dropout_p >= LIGHT:
        return _on_the_output(r)
    if not r.fails or not c.dropout or not (c.dropout_p >= SHARE or c.dropout_kept < LEFT):
        return None
    noise = c.dropout_p / (1 - c.dropout_p) if c.dropout_p < 1 else float("inf")
    return Finding(
        cause="dropout-too-heavy",
        where=c.dropout,
        evidence={
            "dropout p": c.dropout_p,
            "units": float(c.dropout_units),
            "units left on average": c.dropout_kept,
            "variance of a unit's factor": noise,
            "loss at the end": r.runs[0].end_loss if r.runs else float("nan"),
        },
        says=(
            f"Dropout at {c.dropout!r} sets {share(c.dropout_p)} of {c.dropout_units} units to 0 and leaves "
            f"{fmt(c.dropout_kept)} on average, each multiplied by "
            f"{fmt(1 / (1 - c.dropout_p) if c.dropout_p < 1 else float('inf'))}: the noise in a unit has "
            f"{fmt(noise)} times the variance of what it carries. It does not mean that dropout is wrong here, and the "
            "p of nn.Dropout is the share that is removed, not the share that is kept. Try p=0.2, or none until the "
            "network fits its training data."
        ),
        weight=57.0,
    )


def _on_the_output(r: Readings) -> Finding:
    """The finding about dropout behind the last layer."""
    wiring = r.graph.wiring
    p, one = wiring.dropout_p, r.capacity.outputs == 1
    noise = p / (1 - p) if p < 1 else float("inf")
    return Finding(
        cause="dropout-too-heavy",
        where=f"{wiring.dropout} (on the output)",
        evidence={
            "dropout p": p,
            "outputs per input": float(r.capacity.outputs),
            "variance of an output's factor": noise,
            "loss at the end": r.runs[0].end_loss if r.runs else float("nan"),
        },
        says=(
            f"Dropout at {wiring.dropout!r} is on the output: nothing with weights follows it. In training it sets "
            f"{share(p)} of the answers{'' if one else ' of each input'} to 0 and multiplies the rest by "
            f"{fmt(1 / (1 - p) if p < 1 else float('inf'))}, so that the loss is taken against answers that the network "
            "did not give, and what it learns to answer is not what is wanted. It does not mean that dropout between "
            "hidden layers is wrong. Remove it, or move it before the last layer."
        ),
        weight=66.0,
    )


_FAILED = (RunReading(outcome="stalled", score=0.2),)
_HEAVY = CapacityReading(dropout="2", dropout_p=0.95, dropout_units=64, dropout_kept=3.2, dropouts=2)

_ENDING = GraphReading(wiring=WiringReading(dropout="5", dropout_p=0.5, dropout_call=0))

RULE = Rule(
    cause="dropout-too-heavy",
    title="Dropout too heavy for the width, or on the output",
    why="Dropout multiplies a unit by a factor of mean 1 and variance p / (1 - p): 1 at p = 0.5, 19 at p = 0.95.",
    not_meant="Half of a wide layer is the usual amount, and dropout makes the training loss look worse than it is.",
    source="Srivastava et al. 2014, section 7.3 (effect of the rate and of n p). Thresholds: chosen.",
    judge=judge,
    sick=(
        Readings(capacity=_HEAVY, runs=_FAILED),
        Readings(capacity=CapacityReading(dropout="1", dropout_p=0.5, dropout_units=4, dropout_kept=2.0), runs=_FAILED),
        Readings(graph=_ENDING, runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(capacity=_HEAVY),
        Readings(graph=_ENDING),
        Readings(
            capacity=CapacityReading(dropout="1", dropout_p=0.5, dropout_units=64, dropout_kept=32.0), runs=_FAILED
        ),
    ),
)
