"""Features that have one value for every sample."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

# Blank borders and rare words leave many features constant in data that are sound; nine of ten is beyond both digits
# (5%) and MNIST (about a tenth), and is told only where runs fail.
MOST = 0.9


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, labels vary, and at least nine of ten features are constant."""
    d = r.data
    if not r.fails or 0 <= d.n < 2 or r.labels.distinct < 2 or not d.constant_features >= MOST:
        return None
    whole = d.constant_features == 1
    one = f", from {fmt(d.input_low)} to {fmt(d.input_high)}" if math.isfinite(d.input_low + d.input_high) else ""
    return Finding(
        cause="constant-features",
        where="inputs",
        evidence={
            "share of features that are constant": d.constant_features,
            "features": float(d.features),
            "samples": float(d.n),
            "smallest input": d.input_low,
            "largest input": d.input_high,
            "distinct labels in the sample": float(r.labels.distinct),
        },
        says=(
            f"{share(d.constant_features)} of the {d.features} features have the same value in every sample{one}. "
            + (
                "All inputs are the same, so every network gives one answer for all of them, and the best constant "
                "answer is the best there is: no change of hyper-parameters helps. "
                if whole
                else "A constant feature tells nothing of the label and acts as a second bias. "
            )
            + "It does not mean that the model is too small. Look at the preprocessing: integers divided by integers "
            "become 0, a clipped or wrongly cast array has one value, a wrong column was read."
        ),
        severity="critical" if whole else "warning",
        weight=86.0 if whole else 34.0,
        curable=not whole,
    )


_FAILED = (RunReading(outcome="stalled", score=0.1),)

RULE = Rule(
    cause="constant-features",
    title="Constant features",
    why="What has one value for all samples cannot tell them apart.",
    not_meant="A few constant features, such as an image's blank border, cost nothing.",
    source="Follows from the definition. Threshold: chosen above the shares in digits and MNIST.",
    judge=judge,
    sick=(
        Readings(data=DataReading(constant_features=1.0, input_low=0.0, input_high=0.0), runs=_FAILED),
        Readings(data=DataReading(constant_features=0.95), runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(data=DataReading(constant_features=0.95)),
        Readings(data=DataReading(constant_features=0.1), runs=_FAILED),
        Readings(data=DataReading(constant_features=1.0, n=1), runs=_FAILED),
    ),
)
