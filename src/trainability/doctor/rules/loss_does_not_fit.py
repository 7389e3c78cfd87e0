"""A loss that asks another question than the labels answer."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import (
    AnswersReading,
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
# Right answers that are not 2% below a constant answer's loss teach nothing by it. The best answers for a proper loss are
# the targets; those for a loss that is linear in probabilities are all of one class, 0.3 to 0.6 away from shared targets.
NOTHING, AWAY = 0.02, 0.15
QUIET = 0.05


def judge(r: Readings) -> Finding | None:
    """Fires where a loss has a constant or another optimum than the targets, and at class numbers taken for quantities."""
    if r.loss.family in SOFTMAX and r.start.output.columns == 1 and r.loss.output_shape in ((), (1,)):
        return _one_output(r)
    if _improper(r):
        return _shares(r)
    if _prefers_a_constant(r):
        return _constant(r)
    labels = r.labels
    gain = labels.as_classes - labels.as_numbers
    if r.fails and r.task == "regression" and r.loss.family in DISTANCES and labels.numbers >= 3 and gain > BETTER:
        return _numbers(r)
    if r.fails and r.answers is not None and r.answers.quiet >= QUIET:
        return _quiet(r)
    return None


def _improper(r: Readings) -> bool:
    """Whether shares are asked for, and the loss is smallest at other ones."""
    a = r.answers
    return (
        a is not None
        and a.soft
        and r.start.output.activation == "softmax"
        and r.loss.family != "cross-entropy"
        and not r.loss.factor < 0
        and a.distance >= AWAY
    )


def _prefers_a_constant(r: Readings) -> bool:
    """Whether runs fail at a loss for which right answers, in every form, are no better than one constant answer."""
    a = r.answers
    if not r.fails or a is None or not a.forms or r.loss.broadcasts or r.loss.factor < 0:
        return False
    if not (math.isfinite(a.constant) and math.isfinite(a.right) and math.isfinite(a.lowest)):
        return False
    enough = a.constant - NOTHING * abs(a.constant)
    skill = (a.lowest_score - a.constant_score) / max(1 - a.constant_score, 1e-9)
    return a.right >= enough and (a.lowest >= enough or skill < 0.5)


def _constant(r: Readings) -> Finding:
    a = r.answers
    assert a is not None
    other = f" The answers with the smallest loss that was found, {fmt(a.lowest)}, score {fmt(a.lowest_score)}."
    return Finding(
        cause="loss-does-not-fit-the-task",
        where="loss_fn",
        evidence={
            "samples answered": float(a.n),
            "forms of right answers": float(a.forms),
            "loss of right answers in the best form": a.right,
            "that form": a.form,
            "loss of the same answers given to other samples": a.shuffled,
            "loss of the best constant answer": a.constant,
            "smallest loss found": a.lowest,
            "score of the answers with it": a.lowest_score,
        },
        says=(
            f"Right answers to {a.n} samples, made from the targets in {a.forms} forms (logits, probabilities, the "
            f"targets themselves), have a loss of {fmt(a.right)} at best, and one constant answer for all of them has "
            f"{fmt(a.constant)}: a network is not paid for looking at its inputs."
            f"{other if a.lowest < a.constant and math.isfinite(a.lowest_score) else ''} "
            "It does not mean that the loss is wrong in itself: a hinge wants labels -1 and 1, a multi-label margin the "
            "numbers of the right classes, ended by -1. Give the targets the form that this loss reads, or use the "
            "loss that reads these."
        ),
        weight=90.0 if r.graph.alignment.repair else 92.5,  # an order that mends all says more
    )


def _shares(r: Readings) -> Finding:
    a = r.answers
    assert a is not None
    straight = (
        "It is a straight line in the probabilities, as a divergence is that expects their logarithms (KLDivLoss). "
        if a.linear
        else ""
    )
    return Finding(
        cause="loss-does-not-fit-the-task",
        where="loss_fn",
        evidence={
            "samples answered": float(a.n),
            "mean distance of the best answers from the targets": a.distance,
            "smallest loss found": a.lowest,
            "loss of the best constant answer": a.constant,
            "whether the loss is linear in the answers": "yes" if a.linear else "no",
        },
        says=(
            f"The targets are shares that sum to 1, and the answers for which this loss is smallest ({fmt(a.lowest)}, on "
            f"{a.n} samples) are not the targets: they lie {fmt(a.distance)} of total variation away. {straight}The "
            "better the network fits, the further its shares go from those that are wanted, to all for one class, though "
            "the largest one may be right. It does not mean that the network is wrong. Give this loss the logarithms of "
            "the softmax."
        ),
        weight=88.0,
    )


def _quiet(r: Readings) -> Finding:
    a = r.answers
    assert a is not None
    return Finding(
        cause="loss-does-not-fit-the-task",
        where="loss_fn",
        evidence={
            "samples answered": float(a.n),
            "share of samples with under a ten-thousandth of the mean gradient": a.quiet,
            "smallest target": r.data.target_low,
            "largest target": r.data.target_high,
            "loss at the end": r.runs[0].end_loss if r.runs else math.nan,
            "score at the end": r.runs[0].score if r.runs else math.nan,
        },
        says=(
            f"When all of {a.n} answers are wrong by the same amount, {share(a.quiet)} of the samples get less than a "
            f"ten-thousandth of the mean gradient: the others decide every step. Targets run from "
            f"{fmt(r.data.target_low)} to {fmt(r.data.target_high)}; an error relative to a target near 0 outweighs all "
            "others. It does not mean that these samples are outliers. Use a loss that weighs errors alike (squared, "
            "absolute, Huber), or divide by |target| plus a size that matters."
        ),
        weight=67.0,
    )


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
_MARGIN = AnswersReading(right=4.2, shuffled=4.1, constant=0.02, lowest=0.0, lowest_score=0.45, constant_score=0.57)
_KL = AnswersReading(soft=True, linear=True, distance=0.46, right=-1.3, constant=-1.3, lowest=-1.5)
_SOFTMAX = Snapshot(output=OutputReading(columns=3, activation="softmax", form="probabilities"))
_CUSTOM = LossReading(family="custom", factor=math.nan)

RULE = Rule(
    cause="loss-does-not-fit-the-task",
    title="Loss that does not fit the task",
    why="A loss decides what is learned: a distance between class numbers has no meaning, a softmax of one output is 1.",
    not_meant="Squared error on one-hot rows is a fair loss for classes.",
    source=(
        "Follows from the definitions. The margin of 0.15 lies between what names gained over quantities on graded and "
        "counted targets (diabetes in 3, 5 and 8 grades, Poisson counts: 0.04 at most) and on digits (0.49). "
        "Right answers were 20% to 100% below a constant answer's loss for every loss of the healthy cases."
    ),
    judge=judge,
    sick=(
        Readings(task="regression", labels=_CLASSES, loss=_MSE, runs=_FAILED, data=DataReading(classes=0)),
        Readings(
            task="regression",
            start=_ONE,
            loss=LossReading(family="cross-entropy", output_shape=(1,), target_shape=(1,)),
        ),
        Readings(task="multi-label", loss=_CUSTOM, answers=_MARGIN, runs=(RunReading("stalled", score=0.5),)),
        Readings(
            task="binary",
            loss=_CUSTOM,
            answers=replace(_MARGIN, right=0.5, constant=0.5, lowest=0.5, lowest_score=1.0),
            runs=(RunReading("stalled", score=0.5),),
        ),
        Readings(loss=_CUSTOM, answers=_KL, start=_SOFTMAX),
        Readings(
            task="regression",
            loss=_CUSTOM,
            answers=AnswersReading(quiet=0.5, right=0.0, constant=52.0),
            runs=_FAILED,
        ),
    ),
    healthy=(
        Readings(),
        Readings(task="regression", labels=_CLASSES, loss=_MSE),
        Readings(task="regression", labels=replace(_CLASSES, as_numbers=0.95), loss=_MSE, runs=_FAILED),
        Readings(task="regression", labels=replace(_CLASSES, numbers=0), loss=_MSE, runs=_FAILED),
        Readings(answers=AnswersReading(), runs=(RunReading("stalled", score=0.1),)),
        Readings(task="multi-label", loss=_CUSTOM, answers=_MARGIN),
        Readings(loss=_CUSTOM, answers=replace(_KL, distance=0.0), start=_SOFTMAX),
        Readings(task="regression", loss=_CUSTOM, answers=AnswersReading(quiet=0.5)),
    ),
)
