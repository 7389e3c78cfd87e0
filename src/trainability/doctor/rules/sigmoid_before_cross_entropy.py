"""Sigmoid outputs are given to a cross-entropy over classes, which takes logits and applies softmax itself."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt
from trainability.theory.floors import bounded_softmax_floor, uniform_cross_entropy


def judge(r: Readings) -> Finding | None:
    """Fires where a sigmoid is followed by a cross-entropy on logits, whatever the runs did."""
    out = r.start.output
    if r.loss.family != "cross-entropy" or out.columns < 2 or out.activation not in ("sigmoid", "hardsigmoid"):
        return None
    run, classes = r.runs[0], out.columns
    factor = r.loss.factor if math.isfinite(r.loss.factor) else 1.0
    floor, chance = bounded_softmax_floor(classes, 0.0, 1.0) * factor, uniform_cross_entropy(classes) * factor
    return Finding(
        cause="sigmoid-before-cross-entropy",
        where=out.path or "output",
        evidence={
            "lowest reachable loss": floor,
            "loss at chance, ln C": chance,
            "loss at the end": run.end_loss,
            "outputs": float(classes),
        },
        says=(
            f"The model ends with a sigmoid, and the loss takes logits and applies softmax to them. Over {classes} "
            f"values in [0, 1] it cannot fall below ln(1 + {classes - 1}/e) = {floor:.3f} (at chance it is ln "
            f"{classes} = {fmt(chance)}; here it ended at {fmt(run.end_loss)}), and the sigmoid's slope, at most 1/4, "
            "stands between the loss and every weight. Accuracy can still look good; the loss and the probabilities "
            "are wrong. Remove the sigmoid and give the loss the logits; or keep one yes or no per class and use "
            "BCEWithLogitsLoss."
        ),
        weight=90.0,
    )


_SIGMOID = OutputReading(form="independent-probabilities", activation="sigmoid", path="5")

RULE = Rule(
    cause="sigmoid-before-cross-entropy",
    title="Sigmoid before cross-entropy",
    why="Softmax over numbers in [0, 1] gives the right class a probability of at most e/(e + C - 1).",
    not_meant="A sigmoid with BCELoss, one yes or no per class, is right.",
    source="torch.nn.CrossEntropyLoss: 'input is expected to contain the unnormalized logits'. Floor: theory.floors.",
    judge=judge,
    sick=(Readings(start=replace(Snapshot(), output=_SIGMOID), runs=(RunReading("learning", end_loss=1.5),)),),
    healthy=(
        Readings(),
        Readings(loss=replace(Readings().loss, family="bce"), start=replace(Snapshot(), output=_SIGMOID)),
        Readings(start=replace(Snapshot(), output=replace(_SIGMOID, columns=1))),
    ),
)
