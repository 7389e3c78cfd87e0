"""Layers in a row with nothing nonlinear between them: the whole is one affine map."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, ResponseReading, RunReading
from trainability.doctor.rules._rule import Rule, fmt

# Float32 rounding through a deep affine network stays under 1e-5 of the outputs' spread; the flattest of the measured
# healthy networks, a GRU on small inputs, bends by 0.2.
BEND = 1e-4


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, the network is affine in its inputs, and no affine map reaches the target."""
    seen, run = r.response, r.runs[0]
    if not r.fails or seen.weight_layers < 2 or seen.hidden_activations or not seen.bend <= BEND:
        return None
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
        Readings(task="binary", response=_AFFINE, runs=_STALLED),
        Readings(response=replace(_AFFINE, linear_loss=math.nan), runs=_STALLED),
    ),
    healthy=(
        Readings(),
        Readings(response=_AFFINE),
        Readings(response=replace(_AFFINE, linear_loss=0.1), runs=_STALLED),
        Readings(response=replace(_AFFINE, weight_layers=1), runs=_STALLED),
        Readings(response=replace(_AFFINE, bend=0.2), runs=_STALLED),
    ),
)
