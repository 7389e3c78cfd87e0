"""A ReLU after the last layer, where the loss needs negative numbers too, or where the outputs have died."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import DataReading, LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share
from trainability.theory.floors import bounded_sigmoid_floor


def judge(r: Readings) -> Finding | None:
    """Fires before a binary cross-entropy on logits always; before others where runs fail or output columns died."""
    out = r.start.output
    if out.activation != "relu":
        return None
    silent = max((s.output.silent for s in (r.start, r.end) if s is not None and s.output.silent >= 0), default=0.0)
    if r.loss.family == "bce-with-logits":
        return _finding(r, silent, _floor(r), 90.0)
    if r.loss.family in ("cross-entropy", "nll-of-probabilities", "nll") and (r.fails or (_short_of(r) and silent > 0)):
        return _finding(r, silent, math.nan, 84.0 if r.fails else 50.0)
    if r.fails and silent >= 0.5:
        return _finding(r, silent, math.nan, 80.0)
    if r.fails and any(run.answers_zero for run in r.runs):
        return _finding(r, silent, math.nan, 80.0)
    return None


def _short_of(r: Readings) -> bool:
    return any(x.outcome != "trained" for x in r.runs)


def _floor(r: Readings) -> float:
    mean = min(max(r.data.target_mean, 0.0), 1.0) if math.isfinite(r.data.target_mean) else 0.5
    return bounded_sigmoid_floor(mean, 0.0, math.inf)


def _limit(floor: float) -> str:
    if floor != floor:
        return ""
    return (
        f"With logits of at least 0 every probability is at least one half, and the loss cannot fall below "
        f"{floor:.3f} on these targets. "
    )


def _finding(r: Readings, silent: float, floor: float, weight: float) -> Finding:
    out, run = r.start.output, r.runs[0]
    died = (
        f"{share(silent)} of its {out.columns} outputs are 0 for every input of the sample, and get no gradient. "
        if silent > 0
        else ""
    )
    zero = sum(x.answers_zero for x in r.runs)
    if zero:
        died += f"{zero} of {len(r.runs)} runs end with 0 for every input. "
    return Finding(
        cause="relu-on-output",
        where=out.path or "output",
        evidence={
            "outputs per input": float(out.columns),
            "share of outputs that are 0 for every input": silent,
            "smallest possible output": 0.0,
            "lowest reachable loss": floor,
            "loss at the end": run.end_loss,
            "loss of the best constant answer": run.constant_loss,
            "score at the end": run.score,
        },
        says=(
            f"The model ends with a ReLU, so that none of its {out.columns} outputs can be negative. {_limit(floor)}{died}"
            "A logit below 0 says 'rather not', and it is cut to 0 together with its gradient; an output that is "
            f"negative for every input never comes back. The loss ended at {fmt(run.end_loss)} (score "
            f"{fmt(run.score)}). It does not mean that ReLU is wrong in the hidden layers. Remove the last ReLU."
        ),
        severity="critical" if weight > 50 else "warning",
        weight=weight,
    )


_RELU = Snapshot(output=OutputReading(activation="relu", path="5", low=0.0, silent=0.3))
_BCE = LossReading(family="bce-with-logits", output_shape=(1,), target_shape=(1,))
_STALLED = (RunReading("learning", end_loss=1.4, score=0.4),)

RULE = Rule(
    cause="relu-on-output",
    title="ReLU on the output",
    why="Cross-entropies take logits of either sign; ReLU cuts one half away and kills outputs that start there.",
    not_meant="A ReLU output that is alive is a fair choice for counts and other targets that are never negative.",
    source="torch.nn.CrossEntropyLoss and BCEWithLogitsLoss: unnormalised logits are expected. Floor: theory.floors.",
    judge=judge,
    sick=(
        Readings(start=_RELU, runs=_STALLED),
        Readings(
            loss=LossReading(family="mse"),
            start=replace(_RELU, output=replace(_RELU.output, silent=0.0)),
            runs=(RunReading("stalled", end_loss=1.4, score=0.4, answers_zero=True),),
        ),
        Readings(
            task="binary",
            loss=_BCE,
            start=_RELU,
            data=DataReading(target_mean=0.5, target_low=0, target_high=1, classes=2),
            runs=(RunReading("learning", end_loss=0.4),),
        ),
        Readings(
            task="regression",
            loss=LossReading(family="mse"),
            start=replace(_RELU, output=replace(_RELU.output, columns=1, silent=1.0)),
            runs=(RunReading("stalled", score=0.0, constant_score=0.0),),
        ),
    ),
    healthy=(
        Readings(),
        Readings(start=_RELU),
        Readings(task="regression", loss=LossReading(family="mse"), start=_RELU),
        Readings(start=replace(_RELU, output=replace(_RELU.output, activation="")), runs=_STALLED),
    ),
)
