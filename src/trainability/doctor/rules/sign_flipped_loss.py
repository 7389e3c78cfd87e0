"""The loss has a minus sign: training climbs."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, LossReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

AGAINST = -0.5  # the negative gives -1; a step that adds a penalty or augments its batch stays above 0


def judge(r: Readings) -> Finding | None:
    """Fires where the loss is a negative multiple of a known one, or the user's step climbs the Setup's loss."""
    if not r.loss.factor < 0:
        return _climbing_step(r)
    run = r.runs[0]
    return Finding(
        cause="sign-flipped-loss",
        where="loss_fn",
        evidence={
            "factor against the usual loss": r.loss.factor,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "score at the end": run.score,
        },
        says=(
            f"The loss is {fmt(r.loss.factor)} times {r.loss.family}: it falls without bound as the answers get worse "
            f"(from {fmt(run.start_loss)} to {fmt(run.end_loss)}, score {fmt(run.score)}). A falling loss is not "
            "success here. Remove the minus sign."
        ),
        weight=99.0,
    )


def _climbing_step(r: Readings) -> Finding | None:
    loop = r.loop
    if loop is None or not loop.alignment < AGAINST:
        return None
    run = r.runs[0]
    return Finding(
        cause="sign-flipped-loss",
        where="step",
        evidence={
            "cosine between the step's gradient and the loss's": loop.alignment,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "score at the end": run.score,
        },
        says=(
            f"The gradient that the step descends points against the gradient of the loss (cosine "
            f"{fmt(loop.alignment)}, on the same batch and weights): the step climbs. The loss went from "
            f"{fmt(run.start_loss)} to {fmt(run.end_loss)}. A falling value that the step returns is not success here. "
            "Remove the minus sign before backward(), or maximize=True from the optimizer."
        ),
        weight=99.0,
    )


_FLIPPED = LossReading(family="mse", factor=-1.0, bounded=False)

RULE = Rule(
    cause="sign-flipped-loss",
    title="Sign of the loss flipped",
    why="Minimising the negative of a loss maximises it.",
    not_meant="Losses that are negative by nature (log-likelihoods of densities) are not this.",
    source="Follows from the definition.",
    judge=judge,
    sick=(
        Readings(task="regression", loss=_FLIPPED, runs=(RunReading("trained", end_loss=-9e9, score=-1e9),)),
        Readings(loop=LoopReading(alignment=-1.0), runs=(RunReading("diverged", end_loss=300.0, score=0.0),)),
    ),
    healthy=(Readings(), Readings(loss=replace(_FLIPPED, factor=2.0)), Readings(loop=LoopReading(alignment=0.2))),
)
