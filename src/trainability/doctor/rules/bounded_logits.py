"""Logits squashed into [-1, 1] before a cross-entropy: no answer can be certain."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt
from trainability.theory.floors import bounded_sigmoid_floor, bounded_softmax_floor

BOUNDED = ("tanh", "hardtanh", "softsign")


def judge(r: Readings) -> Finding | None:
    """Fires where a tanh or its kin is the last thing before a cross-entropy on logits, whatever the runs did."""
    out, family = r.start.output, r.loss.family
    if out.activation not in BOUNDED or family not in ("cross-entropy", "bce-with-logits"):
        return None
    factor = r.loss.factor if math.isfinite(r.loss.factor) else 1.0
    if family == "cross-entropy":
        if out.columns < 2:
            return None
        floor = bounded_softmax_floor(out.columns, -1.0, 1.0) * factor
        most = 1 / (1 + (out.columns - 1) * math.exp(-2.0))
    else:
        mean = min(max(r.data.target_mean, 0.0), 1.0) if math.isfinite(r.data.target_mean) else 0.5
        floor = bounded_sigmoid_floor(mean, -1.0, 1.0) * factor
        most = 1 / (1 + math.exp(-1.0))
    run = r.runs[0]
    return Finding(
        cause="bounded-logits",
        where=out.path or "output",
        evidence={
            "lowest reachable loss": floor,
            "largest possible probability": most,
            "loss at the end": run.end_loss,
            "loss of the best constant answer": run.constant_loss,
            "outputs": float(out.columns),
        },
        says=(
            f"The model ends with a {out.activation}, and the loss takes its values as logits. Logits in [-1, 1] give "
            f"no class a probability above {fmt(most)}, so the loss cannot fall below {floor:.3f} (it ended at "
            f"{fmt(run.end_loss)}; a constant answer reaches {fmt(run.constant_loss)}), and on its way there the "
            f"{out.activation} loses its slope. Accuracy can still look good; the loss and the probabilities are "
            f"wrong. Remove the last {out.activation}, or multiply behind it by 10 or more if logits must be bounded."
        ),
        weight=89.0,
    )


_TANH = Snapshot(output=OutputReading(activation="tanh", path="5"))
_BCE = LossReading(family="bce-with-logits", output_shape=(1,), target_shape=(1,))

RULE = Rule(
    cause="bounded-logits",
    title="Bounded activation before cross-entropy",
    why="A softmax over C values in [-1, 1] is at most 1/(1 + (C - 1)/e^2): cross-entropy asks for logits without bound.",
    not_meant="Logits capped at c tanh(z/c) with c of 10 or more lose next to nothing.",
    source="torch.nn.CrossEntropyLoss: unnormalised logits are expected. Floors: theory.floors.",
    judge=judge,
    sick=(
        Readings(start=_TANH, runs=(RunReading("learning", end_loss=0.9),)),
        Readings(task="binary", loss=_BCE, start=_TANH, data=DataReading(target_mean=0.5, classes=2)),
    ),
    healthy=(
        Readings(),
        Readings(task="regression", loss=LossReading(family="mse"), start=_TANH),
        Readings(start=replace(_TANH, output=replace(_TANH.output, activation=""))),
    ),
)
