"""Labels that leave nothing to learn, or that the loss was not made for."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, LabelReading, LossReading, Readings
from trainability.doctor.rules._rule import Rule, fmt

FEW = 20  # fewer samples are a test of the code (can it fit one batch?), where one class is no fault
PROBABILISTIC = ("bce", "bce-with-logits")


def judge(r: Readings) -> Finding | None:
    """Fires on labels outside [0, 1] for binary cross-entropy, and on one label for all."""
    d, labels = r.data, r.labels
    quantities = r.task == "regression" and bool(r.start.output.activation)  # `output-range` tells of those
    if r.loss.family in PROBABILISTIC and (labels.low < 0 or labels.high > 1) and not quantities:
        return _out_of_range(r)
    if 0 <= d.n < FEW:
        return None
    classes = r.task in ("multi-class", "binary")
    if (classes and d.classes == 1) or (r.task == "regression" and d.target_std == 0):
        return _one(r, classes)
    return None


def _out_of_range(r: Readings) -> Finding:
    low, high = r.labels.low, r.labels.high
    return Finding(
        cause="degenerate-labels",
        where="labels",
        evidence={
            "smallest label": low,
            "largest label": high,
            "distinct labels in the sample": float(r.labels.distinct),
            "loss": r.loss.family,
            "loss at the end": r.runs[0].end_loss if r.runs else float("nan"),
        },
        says=(
            f"The labels run from {fmt(low)} to {fmt(high)} and binary cross-entropy takes probabilities from 0 to 1. "
            "With y outside, -y log p - (1 - y) log(1 - p) has no minimum: the loss falls without end, below 0, and "
            "the outputs go to infinity. It does not mean that the learning rate is too high. Renumber the labels: "
            + (
                "y = (y == y.max()).float()."
                if r.labels.distinct == 2
                else "0 and 1 for two classes; cross-entropy with one output per class for more."
            )
        ),
        weight=96.0,
    )


def _one(r: Readings, classes: bool) -> Finding:
    what = "sample has the same class" if classes else f"target is {fmt(r.data.target_mean)}"
    return Finding(
        cause="degenerate-labels",
        where="labels",
        evidence={
            "distinct labels in the sample": float(r.labels.distinct),
            "smallest label": r.labels.low,
            "largest label": r.labels.high,
            "samples": float(r.data.n),
        },
        says=(
            f"Every {what}, over {r.data.n if r.data.n > 0 else 'all'} samples: a constant answer is right for all, and "
            "a loss of 0 says nothing of the inputs. No change of hyper-parameters helps. "
            "It does not mean that the network has learned, whatever the accuracy is. Look at how the labels were "
            "read: the wrong column, a filter that kept one class, a comparison that is never true."
        ),
        weight=84.0,
        curable=False,
    )


RULE = Rule(
    cause="degenerate-labels",
    title="Degenerate labels",
    why="With one label there is nothing to tell apart; outside [0, 1] binary cross-entropy has no minimum.",
    not_meant="Uneven classes are usual; labels in {-1, 1} are right for a hinge or a squared loss.",
    source="Follows from the losses' definitions.",
    judge=judge,
    sick=(
        Readings(data=DataReading(classes=1, largest_class=1.0), labels=LabelReading(low=3, high=3, distinct=1)),
        Readings(
            task="regression",
            data=DataReading(classes=0, target_std=0.0),
            labels=LabelReading(low=2, high=2, distinct=1, numbers=0),
        ),
        Readings(
            task="binary",
            loss=LossReading(family="bce-with-logits"),
            labels=LabelReading(low=-1, high=1, distinct=2, numbers=0),
        ),
    ),
    healthy=(
        Readings(),
        Readings(data=DataReading(n=4, classes=1, largest_class=1.0)),
        Readings(data=DataReading(classes=2, largest_class=0.995)),
        Readings(
            task="binary", loss=LossReading(family="mse"), labels=LabelReading(low=-1, high=1, distinct=2, numbers=0)
        ),
        Readings(
            task="multi-label", loss=LossReading(family="bce-with-logits"), labels=LabelReading(high=1, distinct=2)
        ),
    ),
)
