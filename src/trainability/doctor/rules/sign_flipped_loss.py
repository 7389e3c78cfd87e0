"""The loss has a minus sign: training climbs."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where the loss is a negative multiple of a known one."""
    if not r.loss.factor < 0:
        return None
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


_FLIPPED = LossReading(family="mse", factor=-1.0, bounded=False)

RULE = Rule(
    cause="sign-flipped-loss",
    title="Sign of the loss flipped",
    why="Minimising the negative of a loss maximises it.",
    not_meant="Losses that are negative by nature (log-likelihoods of densities) are not this.",
    source="Follows from the definition.",
    judge=judge,
    sick=(Readings(task="regression", loss=_FLIPPED, runs=(RunReading("trained", end_loss=-9e9, score=-1e9),)),),
    healthy=(Readings(), Readings(loss=replace(_FLIPPED, factor=2.0))),
)
