"""Layers in a row with nothing nonlinear between them: the whole is one affine map."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, ResponseReading, RunReading
from trainability.doctor.rules._rule import Rule, fmt

# Where the affine map does its task, seven tenths of its loss is a gain beyond chance, and half of it is another league:
# half of a constant answer's loss is what counts as trained.
CLEAR, MUCH = 0.7, 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where the network is affine in its inputs and either runs fail and no affine map reaches the target, or the
    same network with ReLU between its layers was trained and got much further.
    """
    seen, run = r.response, r.runs[0]
    if not seen.affine:
        return None
    if not r.fails:
        return _beyond(r)
    known = math.isfinite(seen.linear_loss)
    if known and seen.linear_loss <= run.target:
        return None
    limit = (
        f"The best affine map of the inputs reaches a loss of {fmt(seen.linear_loss)} on the sample (score "
        f"{fmt(seen.linear_score)}; a constant answer {fmt(run.constant_loss)}), and no training of this network can "
        "go below it. "
        if known
        else ""
    )
    return Finding(
        cause="no-nonlinearity",
        where=f"between {seen.weight_layers} weight layers",
        evidence={
            "weight layers": float(seen.weight_layers),
            "activations between them": 0.0,
            "departure from an affine map": seen.bend,
            "lowest loss of an affine map": seen.linear_loss,
            "score of that map": seen.linear_score,
            "loss at the end": run.end_loss,
            "score at the end": run.score,
        },
        says=(
            f"The network has {seen.weight_layers} weight layers and nothing nonlinear between them: for mixed inputs "
            f"it answers with the mixed answers, to {fmt(seen.bend)} of their spread. However many layers, it is one "
            f"affine map. {limit}It ended at {fmt(run.end_loss)}. "
            "It does not mean that the network is too small or the learning rate wrong. "
            "Put an activation (ReLU) behind every layer but the last."
        ),
        severity="critical" if known else "warning",
        weight=86.0 if known else 44.0,
    )


def _beyond(r: Readings) -> Finding | None:
    """For a network that trains: what one run with ReLU between the layers reached beside it."""
    seen = r.response
    floor = min((x for x in (seen.linear_loss, *(run.end_loss for run in r.runs)) if x == x), default=math.nan)
    held_out = min(
        (run.validation_loss for run in r.runs if run.validation_loss == run.validation_loss), default=math.nan
    )
    if not (seen.linear_loss > 0 and 0 <= seen.bent_loss <= CLEAR * floor):
        return None
    if held_out == held_out:
        if not seen.bent_validation_loss <= CLEAR * held_out:
            return None
    elif not 0 < sum(math.prod(w.shape) for w in r.start.weights) < r.data.n:
        return None  # a lower loss on the training data alone may be learned by heart
    there = (
        f" (on the validation data {fmt(held_out)} and {fmt(seen.bent_validation_loss)})"
        if held_out == held_out
        else ""
    )
    return Finding(
        cause="no-nonlinearity",
        where=f"between {seen.weight_layers} weight layers",
        evidence={
            "weight layers": float(seen.weight_layers),
            "activations between them": 0.0,
            "departure from an affine map": seen.bend,
            "lowest reachable loss": floor,
            "loss with ReLU between the layers": seen.bent_loss,
            "validation loss": held_out,
            "validation loss with ReLU between the layers": seen.bent_validation_loss,
            "score of the best affine map": seen.linear_score,
        },
        says=(
            f"The network has {seen.weight_layers} weight layers and nothing nonlinear between them: however many layers, "
            f"it is one affine map. It trains as one, to a loss of {fmt(floor)}; one run with ReLU between the layers, "
            f"the same optimizer and budget, ended at {fmt(seen.bent_loss)}{there}. "
            "It does not mean that the training is wrong: an affine map may be all that is wanted, and one layer is then "
            "enough. Otherwise put an activation (ReLU) behind every layer but the last."
        ),
        severity="critical" if seen.bent_loss <= MUCH * floor else "warning",
        weight=86.0,
    )


_AFFINE = ResponseReading(bend=2e-7, hidden_activations=0, linear_loss=0.68, linear_score=0.55)
_STALLED = (RunReading("stalled", end_loss=0.69, target=0.35, constant_loss=0.69, score=0.5, constant_score=0.5),)

RULE = Rule(
    cause="no-nonlinearity",
    title="Nothing nonlinear between the layers",
    why="W2 (W1 x + b1) + b2 is affine in x: layers without an activation between them are worth one layer.",
    not_meant="Linear layers in a row are fine where the task is linear, or as a bottleneck of a linear map.",
    source="Goodfellow, Bengio & Courville 2016, section 6.1. Floor: L-BFGS on the setup's own loss, convex for most.",
    judge=judge,
    sick=(
        Readings(
            response=replace(_AFFINE, linear_loss=0.3, bent_loss=0.05, bent_validation_loss=0.06),
            runs=(RunReading(end_loss=0.3, target=0.5, validation_loss=0.31, validation_constant_loss=1.0),),
        ),
        Readings(task="binary", response=_AFFINE, runs=_STALLED),
        Readings(response=replace(_AFFINE, linear_loss=math.nan), runs=_STALLED),
    ),
    healthy=(
        Readings(),
        Readings(response=_AFFINE),
        Readings(
            response=replace(_AFFINE, linear_loss=0.3, bent_loss=0.05, bent_validation_loss=0.4),
            runs=(RunReading(end_loss=0.3, target=0.5, validation_loss=0.31, validation_constant_loss=1.0),),
        ),
        Readings(response=replace(_AFFINE, linear_loss=0.1), runs=_STALLED),
        Readings(response=replace(_AFFINE, weight_layers=1), runs=_STALLED),
        Readings(response=replace(_AFFINE, bend=0.2), runs=_STALLED),
    ),
)
