"""Probabilities are given to a binary cross-entropy that applies a sigmoid itself."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt
from trainability.theory.floors import double_sigmoid_floor


def judge(r: Readings) -> Finding | None:
    """Fires where a sigmoid or softmax is followed by a binary cross-entropy on logits."""
    out = r.start.output
    if r.loss.family != "bce-with-logits" or out.activation not in ("softmax", "sigmoid"):
        return None
    mean = min(max(r.data.target_mean, 0.0), 1.0) if math.isfinite(r.data.target_mean) else 0.5
    floor = double_sigmoid_floor(mean)
    return Finding(
        cause="sigmoid-before-bce-with-logits",
        where=out.path or "output",
        evidence={
            "lowest reachable loss": floor,
            "loss at the end": r.runs[0].end_loss,
            "loss of the best constant answer": r.runs[0].constant_loss,
            "share of ones among targets": mean,
        },
        says=(
            f"The model ends with a {out.activation}, and the loss takes logits and applies a sigmoid again. With "
            f"outputs in [0, 1] it cannot fall below {floor:.4f} on these targets (it ended at "
            f"{fmt(r.runs[0].end_loss)}): an answer of 0 counts as a probability of one half. "
            f"Accuracy can still look good. Remove the {out.activation}, or use BCELoss after a sigmoid."
        ),
        weight=90.0,
    )


_LOSS = LossReading(family="bce-with-logits", output_shape=(1,), target_shape=(1,))
_SIGMOID = replace(Snapshot(), output=OutputReading(columns=1, activation="sigmoid", form="independent-probabilities"))
_BINARY = DataReading(target_mean=0.5, target_low=0, target_high=1, classes=2)

RULE = Rule(
    cause="sigmoid-before-bce-with-logits",
    title="Sigmoid or softmax before BCE with logits",
    why="BCEWithLogits is BCE(sigmoid(output)): with outputs in [0, 1] its probabilities lie in [0.5, 0.73].",
    not_meant="BCELoss after a sigmoid is right, only less exact for certain answers.",
    source="torch.nn.BCEWithLogitsLoss. Floor: theory.floors.",
    judge=judge,
    sick=(
        Readings(task="binary", loss=_LOSS, start=_SIGMOID, data=_BINARY, runs=(RunReading("learning", end_loss=0.5),)),
    ),
    healthy=(
        Readings(),
        Readings(task="binary", loss=replace(_LOSS, family="bce"), start=_SIGMOID, data=_BINARY),
        Readings(task="binary", loss=_LOSS, data=_BINARY),
    ),
)
