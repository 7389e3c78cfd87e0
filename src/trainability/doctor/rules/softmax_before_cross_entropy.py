"""Probabilities are given to a loss that takes logits and applies softmax itself."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt
from trainability.theory.floors import double_softmax_floor, uniform_cross_entropy


def judge(r: Readings) -> Finding | None:
    """Fires where a softmax is followed by a cross-entropy on logits, whatever the runs did."""
    out = r.start.output
    if r.loss.family != "cross-entropy" or out.columns < 2 or out.activation != "softmax":
        return None
    run, classes = r.runs[0], out.columns
    floor, chance = double_softmax_floor(classes), uniform_cross_entropy(classes)
    factor = r.loss.factor if math.isfinite(r.loss.factor) else 1.0
    return Finding(
        cause="softmax-before-cross-entropy",
        where=out.path or "output",
        evidence={
            "lowest reachable loss": floor * factor,
            "loss at chance": chance * factor,
            "loss at the end": run.end_loss,
            "outputs": float(classes),
        },
        says=(
            f"The model ends with a {out.activation}, and the loss takes logits and applies softmax again. Over "
            f"{classes} outputs in [0, 1] such a loss cannot fall below ln(1 + {classes - 1}/e) = {floor * factor:.3f} "
            f"(at chance it is ln {classes} = {fmt(chance * factor)}; here it ended at {fmt(run.end_loss)}), and its "
            "gradient is small and passes through a second softmax. Accuracy can still look good; the loss and the "
            "probabilities are wrong. "
            f"Remove the {out.activation} and give the loss the logits."
        ),
        severity="critical",
        weight=90.0,
    )


_SOFTMAX = OutputReading(form="probabilities", activation="softmax", path="5", max_probability=0.2)

RULE = Rule(
    cause="softmax-before-cross-entropy",
    title="Softmax before cross-entropy",
    why=(
        "Cross-entropy on logits is -log softmax(output). When the output is a softmax already, it lies in [0, 1], the "
        "best it can say is one 1 among zeros, and the loss stays above ln(1 + (C - 1)/e)."
    ),
    not_meant="A log-softmax in the same place is harmless: applying it twice changes nothing.",
    source="torch.nn.CrossEntropyLoss: 'input is expected to contain the unnormalized logits'. Floor: theory.floors.",
    judge=judge,
    sick=(Readings(start=replace(Snapshot(), output=_SOFTMAX), runs=(RunReading(outcome="learning", end_loss=1.5),)),),
    healthy=(
        Readings(),
        Readings(
            start=replace(Snapshot(), output=replace(_SOFTMAX, form="log-probabilities", activation="log_softmax"))
        ),
        Readings(
            loss=replace(Readings().loss, family="nll-of-probabilities"), start=replace(Snapshot(), output=_SOFTMAX)
        ),
    ),
)
