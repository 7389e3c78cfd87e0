"""A softmax, which lets one class win, for samples that have several."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LabelReading, LossReading, OutputReading, Readings, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

EXCLUSIVE = ("cross-entropy", "nll", "nll-of-probabilities")
SOME = 0.01


def judge(r: Readings) -> Finding | None:
    """Fires where a softmax, in the model or in the loss, answers rows of 0 and 1 with more than one 1."""
    labels, out = r.labels, r.start.output
    exclusive = r.loss.family in EXCLUSIVE or out.activation in ("softmax", "log_softmax")
    if not exclusive or labels.columns < 2 or out.columns < 2 or not labels.several > SOME:
        return None
    where = f"the model's last {out.activation}" if out.activation in ("softmax", "log_softmax") else "the loss"
    return Finding(
        cause="exclusive-output-for-non-exclusive-labels",
        where=out.path or "output",
        evidence={
            "share of samples with several labels": labels.several,
            "share of samples without a label": labels.none,
            "labels": float(labels.columns),
            "loss": r.loss.family,
            "loss at the end": r.runs[0].end_loss if r.runs else float("nan"),
        },
        says=(
            f"{share(labels.several)} of the samples have more than one of the {labels.columns} labels (and "
            f"{share(labels.none)} have none), and {where} is a softmax, whose {labels.columns} probabilities sum to 1: "
            f"two labels get at most {fmt(0.5)} each, and nothing can be said of a sample that has none. "
            "It does not mean that the labels are wrong. Answer each label with a sigmoid of its own: logits and "
            "BCEWithLogitsLoss."
        ),
        weight=89.0,
    )


_ROWS = LabelReading(several=0.4, none=0.1, columns=3, low=0.0, high=1.0, distinct=2, numbers=0)
_THREE = replace(Snapshot(), output=OutputReading(columns=3))

RULE = Rule(
    cause="exclusive-output-for-non-exclusive-labels",
    title="Exclusive output for labels that do not exclude each other",
    why="Softmax probabilities sum to 1, so that one label's gain is another's loss.",
    not_meant="One-hot rows and rows that sum to 1 are right for a softmax.",
    source="Follows from the definition.",
    judge=judge,
    sick=(
        Readings(labels=_ROWS, start=_THREE),
        Readings(
            task="multi-label",
            labels=_ROWS,
            loss=LossReading(family="bce"),
            start=replace(_THREE, output=OutputReading(columns=3, activation="softmax", path="5")),
        ),
    ),
    healthy=(
        Readings(),
        Readings(task="multi-label", labels=_ROWS, start=_THREE, loss=LossReading(family="bce-with-logits")),
        Readings(labels=replace(_ROWS, several=0.0), start=_THREE),
    ),
)
