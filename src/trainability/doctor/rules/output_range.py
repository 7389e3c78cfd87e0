"""The last activation cannot produce the targets."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
BEYOND = 0.05


def judge(r: Readings) -> Finding | None:
    """Fires where the model ends with a bounded activation and targets of a pointwise loss lie outside its range."""
    out, d = r.start.output, r.data
    if out.activation not in RANGES or r.task != "regression":
        return None
    low, high = RANGES[out.activation]
    span = max(d.target_high - d.target_low, 1e-12)
    above, below = d.target_high - high, low - d.target_low
    if max(above, below) <= BEYOND * span:
        return None
    return Finding(
        cause="output-range",
        where=out.path or "output",
        evidence={
            "smallest target": d.target_low,
            "largest target": d.target_high,
            "smallest possible output": low,
            "largest possible output": high,
            "loss at the end": r.runs[0].end_loss,
            "loss of the best constant answer": r.runs[0].constant_loss,
        },
        says=(
            f"The model ends with a {out.activation}, whose values lie in [{fmt(low)}, "
            f"{'inf' if high == math.inf else fmt(high)}], and the targets run from {fmt(d.target_low)} to "
            f"{fmt(d.target_high)}: no weights can reach them, and on its way to the edge the activation loses its "
            "slope. It does not mean that the hidden layers are wrong. "
            f"Remove the last {out.activation}: a regression ends with a linear layer."
        ),
        weight=92.0,
    )


_SIGMOID = replace(Snapshot(), output=OutputReading(columns=1, activation="sigmoid", form="independent-probabilities"))

RULE = Rule(
    cause="output-range",
    title="Output cannot reach the targets",
    why="A sigmoid answers in (0, 1), tanh in (-1, 1), ReLU never below 0: targets outside stay out of reach.",
    not_meant="A bounded output is right where the targets are bounded the same way.",
    source="Follows from the activation's range.",
    judge=judge,
    sick=(
        Readings(
            task="regression",
            start=_SIGMOID,
            data=DataReading(target_low=3, target_high=103),
            runs=(RunReading(outcome="stalled", score=-1.4),),
        ),
    ),
    healthy=(
        Readings(),
        Readings(task="regression", start=_SIGMOID, data=DataReading(target_low=0, target_high=1)),
        Readings(task="binary", start=_SIGMOID, data=DataReading(target_low=0, target_high=1)),
    ),
)
