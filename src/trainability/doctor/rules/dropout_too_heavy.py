"""Dropout that leaves too few units."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CapacityReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

SHARE, LEFT = 0.8, 4.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and a dropout leaves a fifth of its units at most, or fewer than four."""
    c = r.capacity
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


_FAILED = (RunReading(outcome="stalled", score=0.2),)
_HEAVY = CapacityReading(dropout="2", dropout_p=0.95, dropout_units=64, dropout_kept=3.2, dropouts=2)

RULE = Rule(
    cause="dropout-too-heavy",
    title="Dropout too heavy for the width",
    why="Dropout multiplies a unit by a factor of mean 1 and variance p / (1 - p): 1 at p = 0.5, 19 at p = 0.95.",
    not_meant="Half of a wide layer is the usual amount, and dropout makes the training loss look worse than it is.",
    source="Srivastava et al. 2014, section 7.3 (effect of the rate and of n p). Thresholds: chosen.",
    judge=judge,
    sick=(
        Readings(capacity=_HEAVY, runs=_FAILED),
        Readings(capacity=CapacityReading(dropout="1", dropout_p=0.5, dropout_units=4, dropout_kept=2.0), runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(capacity=_HEAVY),
        Readings(
            capacity=CapacityReading(dropout="1", dropout_p=0.5, dropout_units=64, dropout_kept=32.0), runs=_FAILED
        ),
    ),
)
