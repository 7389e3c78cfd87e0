"""A penalty on the weights outweighs the data."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import (
    LossReading,
    OptimizerReading,
    PullReading,
    Readings,
    RunReading,
    Snapshot,
    WeightReading,
)
from trainability.doctor.rules._rule import Rule, fmt, share
from trainability.doctor.rules._weights import matrices

# What a step adds to the loss outweighs it by three to one and pulls elsewhere; a penalty that was raised on purpose to
# shape a run that trains is no concern of this rule. It knows nothing of the targets where a tenth at most hangs on them.
EXTRA, ELSEWHERE, DEAF = 3.0, 0.5, 0.1
# At a quarter of the final loss the penalty shapes the answer as much as the remaining error does; weights that shrank
# to a fifth of their start in a run that failed did not shrink because the data asked for it.
PENALTY, SHRUNK = 0.25, 0.2


def judge(r: Readings) -> Finding | None:
    """Fires where no run trained and a penalty of the loss, weight decay, or a term of the step is what it ended on."""
    run = r.runs[0]
    if any(x.outcome == "trained" for x in r.runs) or r.end is None:
        return None
    if _in_the_step(r):
        return _step(r)
    penalty = r.loss.end_penalty / run.end_loss if run.end_loss > 0 else 0.0
    shrunk = _size(r.end) / _size(r.start) if _size(r.start) > 0 else math.nan
    decay = r.optimizer.weight_decay
    if penalty >= PENALTY:
        seen = (
            f"Of the loss at the end ({fmt(run.end_loss)}) {share(penalty)} is a penalty on the weights that the loss "
            f"function adds; the answers' own part is {fmt(run.end_loss - r.loss.end_penalty)}, of "
            f"{fmt(run.constant_loss)} for a constant answer."
        )
    elif r.fails and decay > 0 and shrunk <= SHRUNK:
        seen = (
            f"With weight decay {fmt(decay)} the weights ended at {share(shrunk)} of their size at the start, and the "
            f"loss at {fmt(run.end_loss)} ({fmt(run.constant_loss)} for a constant answer)."
        )
    else:
        return None
    return Finding(
        cause="regulariser-dominates",
        where="loss_fn" if penalty >= PENALTY else "optimizer",
        evidence={
            "penalty's share of the loss at the end": penalty,
            "weight decay": decay,
            "weights' rms at the end over the start": shrunk,
            "loss at the end": run.end_loss,
            "loss of the best constant answer": run.constant_loss,
        },
        says=(
            f"{seen} Keeping the weights small is worth more to this optimum than fitting the data. "
            "It does not mean that regularisation is wrong. Lower its factor by a hundred or more and raise it again "
            "while the validation score rises."
        ),
        weight=72.0,
    )


def _in_the_step(r: Readings) -> bool:
    """Whether what the user's own step adds to the loss decides where the weights go, and the loss itself stood still."""
    pull = r.pull
    if (
        pull is None
        or not r.fails
        or not r.stalled >= 0.5
        or not (pull.extra >= EXTRA and abs(pull.cosine) <= ELSEWHERE)
    ):
        return False
    added = pull.step_loss - pull.own_loss
    return pull.targets <= DEAF or (math.isnan(pull.targets) and added >= EXTRA * abs(pull.own_loss))


def _step(r: Readings) -> Finding:
    pull, run = r.pull, r.runs[0]
    assert pull is not None
    end = r.end_pull
    fell = (
        f"The step's loss went from {fmt(pull.step_loss)} to {fmt(end.step_loss)} on one batch, loss_fn from "
        f"{fmt(pull.own_loss)} to {fmt(end.own_loss)}. "
        if end is not None and math.isfinite(pull.step_loss) and math.isfinite(end.step_loss)
        else ""
    )
    knows = (
        "It hardly changes when the targets are given to other samples: it is a penalty. "
        if pull.targets <= DEAF
        else ""
    )
    return Finding(
        cause="regulariser-dominates",
        where="step",
        evidence={
            "gradient of loss_fn": pull.own,
            "gradient that the step trains with": pull.step,
            "what the step adds, over the gradient of loss_fn": pull.extra,
            "cosine between the two": pull.cosine,
            "share of what it adds that hangs on the targets": pull.targets,
            "loss_fn at the start": pull.own_loss,
            "loss of the step at the start": pull.step_loss,
            "loss at the end": run.end_loss,
            "loss of the best constant answer": run.constant_loss,
        },
        says=(
            f"What the step adds to the loss has a gradient {fmt(pull.extra)} times that of loss_fn on the same batch, "
            f"and points elsewhere (cosine {fmt(pull.cosine)}). {knows}{fell}The runs ended at a loss of "
            f"{fmt(run.end_loss)} ({fmt(run.constant_loss)} for a constant answer): keeping the added term small is "
            "worth more than fitting the data. It does not mean that such a term is wrong; a sum over a batch or over "
            "all weights beside a mean often makes it too large. Give it a factor that brings its gradient below that "
            "of loss_fn."
        ),
        weight=72.0,
    )


def _size(now: Snapshot) -> float:
    sizes = [math.hypot(w.std, w.mean) for w in matrices(now)]
    return math.sqrt(sum(s * s for s in sizes) / len(sizes)) if sizes else 0.0


_SHRUNK = Snapshot(step=880, weights=(WeightReading("0.weight", (64, 64), std=0.001),))
_FULL = Snapshot(weights=(WeightReading("0.weight", (64, 64), std=0.1),))
_PULL = PullReading(own=1.0, step=7.7, extra=7.5, cosine=0.15, targets=0.0, own_loss=2.3, step_loss=62.0)

RULE = Rule(
    cause="regulariser-dominates",
    title="Regulariser dominates",
    why="The minimum of (error + factor x penalty) moves to weights near 0 as the factor grows.",
    not_meant="Weights that shrink in a run that reaches its target are weight decay at work.",
    source="Krogh & Hertz 1991 (weight decay). Thresholds: chosen; see the comment.",
    judge=judge,
    sick=(
        Readings(
            task="regression",
            loss=LossReading(family="mse", end_penalty=0.3),
            runs=(RunReading("learning", end_loss=0.8, constant_loss=1.0, score=0.5, constant_score=0.0),),
            end=_FULL,
        ),
        Readings(
            optimizer=OptimizerReading(weight_decay=0.5),
            runs=(RunReading("stalled", score=0.1),),
            start=_FULL,
            end=_SHRUNK,
        ),
        Readings(pull=_PULL, runs=(RunReading("stalled", end_loss=2.3, score=0.1),), end=_FULL),
        Readings(
            task="regression",
            pull=replace(_PULL, targets=math.nan, own_loss=0.18, step_loss=2.9),
            runs=(RunReading("stalled", end_loss=0.07, score=0.0, constant_score=0.0),),
            end=_FULL,
        ),
    ),
    healthy=(
        Readings(),
        Readings(pull=_PULL),
        Readings(pull=replace(_PULL, extra=0.8, cosine=0.9), runs=(RunReading("stalled", score=0.1),)),
        Readings(pull=replace(_PULL, targets=2.0), runs=(RunReading("stalled", score=0.1),)),
        Readings(optimizer=OptimizerReading(weight_decay=0.5), start=_FULL, end=_SHRUNK),
        Readings(optimizer=OptimizerReading(), runs=(RunReading("stalled", score=0.1),), start=_FULL, end=_SHRUNK),
        Readings(
            optimizer=OptimizerReading(weight_decay=0.5),
            runs=(RunReading("stalled", score=0.1),),
            start=_FULL,
            end=replace(_FULL, step=880),
        ),
    ),
)
