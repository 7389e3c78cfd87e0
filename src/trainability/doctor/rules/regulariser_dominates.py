"""A penalty on the weights outweighs the data."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, OptimizerReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, fmt, share
from trainability.doctor.rules._weights import matrices

# At a quarter of the final loss the penalty shapes the answer as much as the remaining error does; weights that shrank
# to a fifth of their start in a run that failed did not shrink because the data asked for it.
PENALTY, SHRUNK = 0.25, 0.2


def judge(r: Readings) -> Finding | None:
    """Fires where no run trained and the loss's own penalty, or weight decay, is what the run ended on."""
    run = r.runs[0]
    if any(x.outcome == "trained" for x in r.runs) or r.end is None:
        return None
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


def _size(now: Snapshot) -> float:
    sizes = [math.hypot(w.std, w.mean) for w in matrices(now)]
    return math.sqrt(sum(s * s for s in sizes) / len(sizes)) if sizes else 0.0


_SHRUNK = Snapshot(step=880, weights=(WeightReading("0.weight", (64, 64), std=0.001),))
_FULL = Snapshot(weights=(WeightReading("0.weight", (64, 64), std=0.1),))

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
    ),
    healthy=(
        Readings(),
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
