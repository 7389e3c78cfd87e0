"""Regression targets far from zero mean and unit variance."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

LARGE, SMALL = 4.0, 0.05


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail on a regression whose targets are large, tiny or far off zero."""
    d = r.data
    if not r.fails or r.task != "regression" or not d.target_std > 0:
        return None
    size = math.hypot(d.target_mean, d.target_std)
    offset = abs(d.target_mean) / d.target_std
    if SMALL <= size <= LARGE and offset <= 5:
        return None
    return Finding(
        cause="unscaled-targets",
        where="data",
        evidence={
            "target mean": d.target_mean,
            "target standard deviation": d.target_std,
            "smallest target": d.target_low,
            "largest target": d.target_high,
            "output rms before training": r.start.output.rms,
        },
        says=(
            f"The targets have mean {fmt(d.target_mean)} and standard deviation {fmt(d.target_std)}, the network "
            f"starts with outputs of rms {fmt(r.start.output.rms)}. With squared error the first gradients are "
            "proportional to the distance, so the first steps are sized by the targets' unit and not by the problem: "
            "large ones throw units out of their range, tiny ones do nothing. "
            "It does not mean that the targets are wrong. Standardise them for training and scale the answers back."
        ),
        weight=48.0 + min(8.0, 3 * abs(math.log10(size)) if size > 0 else 0.0),
    )


_FAILED = (RunReading(outcome="stalled", score=0.0, constant_score=0.0),)

RULE = Rule(
    cause="unscaled-targets",
    title="Unscaled targets",
    why="The gradient of a squared error is proportional to the error, so the targets' unit acts as a learning rate.",
    not_meant="Class labels are not targets in this sense: their numbers are names.",
    source="LeCun et al. 1998, section 4.5 (choosing target values). Thresholds: chosen.",
    judge=judge,
    sick=(Readings(task="regression", data=DataReading(target_mean=40.0, target_std=38.0), runs=_FAILED),),
    healthy=(
        Readings(),
        Readings(data=DataReading(target_mean=40.0, target_std=38.0), runs=_FAILED),
        Readings(task="regression", data=DataReading(target_mean=0.0, target_std=1.0), runs=_FAILED),
    ),
)
