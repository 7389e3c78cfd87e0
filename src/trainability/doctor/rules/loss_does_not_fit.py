"""A loss that asks another question than the labels answer."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import (
    DataReading,
    LabelReading,
    LossReading,
    OutputReading,
    Readings,
    RunReading,
    Snapshot,
)
from trainability.doctor.rules._rule import Rule, fmt, share

DISTANCES = ("mse", "l1", "huber")
SOFTMAX = ("cross-entropy", "nll", "nll-of-probabilities")
# Names that are taken for quantities cost a forest as much as a network; for counts and grades both do alike.
BETTER = 0.15


def judge(r: Readings) -> Finding | None:
    """Fires on cross-entropy over one output, and where runs fail at class numbers taken for quantities."""
    if r.loss.family in SOFTMAX and r.start.output.columns == 1 and r.loss.output_shape in ((), (1,)):
        return _one_output(r)
    labels = r.labels
    gain = labels.as_classes - labels.as_numbers
    if r.fails and r.task == "regression" and r.loss.family in DISTANCES and labels.numbers >= 3 and gain > BETTER:
        return _numbers(r)
    return None


def _one_output(r: Readings) -> Finding:
    return Finding(
        cause="loss-does-not-fit-the-task",
        where="loss_fn",
        evidence={
            "outputs per input": 1.0,
            "loss": r.loss.family,
            "loss at the start": r.runs[0].start_loss if r.runs else float("nan"),
            "loss at the end": r.runs[0].end_loss if r.runs else float("nan"),
            "gradient norm over all weights": r.start.gradient_norm,
        },
        says=(
            "The loss is cross-entropy between classes and the model has 1 output: a softmax over one output is 1, its "
            f"logarithm 0, and the gradient norm is {fmt(r.start.gradient_norm)}. It does not mean that the model has "
            "learned, though the loss is 0 or stands still. Use BCEWithLogitsLoss for yes or no, a squared error for a "
            "quantity, or one output per class."
        ),
        weight=95.0,
    )


def _numbers(r: Readings) -> Finding:
    labels = r.labels
    return Finding(
        cause="loss-does-not-fit-the-task",
        where="loss_fn",
        evidence={
            "distinct labels": float(labels.numbers),
            "smallest label": labels.low,
            "largest label": labels.high,
            "share right with labels as names": labels.as_classes,
            "share right with labels as quantities": labels.as_numbers,
            "loss": r.loss.family,
            "held-out samples": float(labels.held_out),
        },
        says=(
            f"The labels are the {labels.numbers} whole numbers from {fmt(labels.low)} to {fmt(labels.high)} and the "
            f"loss ({r.loss.family} on one output) takes them for quantities, so that class 1 lies between 0 and 2. A "
            f"forest that takes them for names is right on {share(labels.as_classes)} of {labels.held_out} held-out "
            f"samples, one that takes them for quantities on {share(labels.as_numbers)}. It does not mean that a "
            "regression to whole numbers is wrong in itself: grades and counts have an order. "
            "Give the model one output per class and use cross-entropy."
        ),
        weight=66.0,
    )


_CLASSES = LabelReading(numbers=5, low=0, high=4, distinct=5, as_classes=0.97, as_numbers=0.5, held_out=300)
_MSE = LossReading(family="mse", output_shape=(1,), target_shape=(1,))
_FAILED = (RunReading(outcome="stalled", score=0.05, constant_score=0.0),)
_ONE = replace(Snapshot(), output=OutputReading(columns=1))

RULE = Rule(
    cause="loss-does-not-fit-the-task",
    title="Loss that does not fit the task",
    why="A loss decides what is learned: a distance between class numbers has no meaning, a softmax of one output is 1.",
    not_meant="Squared error on one-hot rows is a fair loss for classes.",
    source=(
        "Follows from the definitions. The margin of 0.15 lies between what names gained over quantities on graded and "
        "counted targets (diabetes in 3, 5 and 8 grades, Poisson counts: 0.04 at most) and on digits (0.49)."
    ),
    judge=judge,
    sick=(
        Readings(task="regression", labels=_CLASSES, loss=_MSE, runs=_FAILED, data=DataReading(classes=0)),
        Readings(
            task="regression",
            start=_ONE,
            loss=LossReading(family="cross-entropy", output_shape=(1,), target_shape=(1,)),
        ),
    ),
    healthy=(
        Readings(),
        Readings(task="regression", labels=_CLASSES, loss=_MSE),
        Readings(task="regression", labels=replace(_CLASSES, as_numbers=0.95), loss=_MSE, runs=_FAILED),
        Readings(task="regression", labels=replace(_CLASSES, numbers=0), loss=_MSE, runs=_FAILED),
    ),
)
