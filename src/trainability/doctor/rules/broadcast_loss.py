"""Output and target have different shapes, and the loss compares every output with every target."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, LossReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where the loss's values are those of the broadcast comparison, or the step was seen to make it and runs fail."""
    if not r.loss.broadcasts:
        return _in_the_step(r)
    output, target = (_shape(s) for s in (r.loss.output_shape, r.loss.target_shape))
    return Finding(
        cause="broadcast-loss",
        where="loss_fn",
        evidence={
            "output shape": output,
            "target shape": target,
            "loss at the end": r.runs[0].end_loss,
            "score at the end": r.runs[0].score,
        },
        says=(
            f"The output has shape {output} and the target {target}. The loss broadcasts both to (N, N) and compares "
            "every answer with every target, so the best answer is the targets' mean for every input "
            f"(the score is {fmt(r.runs[0].score)}). It does not mean that the model cannot tell the inputs apart. "
            "Give both the same shape: output.squeeze(-1), or target.unsqueeze(-1)."
        ),
        weight=94.0,
    )


def _in_the_step(r: Readings) -> Finding | None:
    if r.loop is None or not r.loop.widened or not r.fails:
        return None
    run = r.runs[0]
    return Finding(
        cause="broadcast-loss",
        where="step",
        evidence={"score at the end": run.score, "loss at the end": run.end_loss},
        says=(
            "In the step, the model's answers and the targets met in one operation as (N, 1) and (N,): that broadcasts to "
            "(N, N) and compares every answer with every target, so the best answer is the same for every input (the "
            f"score is {fmt(run.score)}). It does not mean that the model cannot tell the inputs apart. "
            "Give both the same shape in the step: output.squeeze(-1), or target.unsqueeze(-1)."
        ),
        weight=94.0,
    )


def _shape(rest: tuple[int, ...]) -> str:
    return "(" + ", ".join(["N", *map(str, rest)]) + ("," if not rest else "") + ")"


_BROADCAST = LossReading(family="mse", broadcasts=True, output_shape=(1,), target_shape=())

RULE = Rule(
    cause="broadcast-loss",
    title="Shapes broadcast in the loss",
    why="(N, 1) against (N,) broadcasts to (N, N): the loss's minimum is at the mean of the targets.",
    not_meant="A loss that reshapes its arguments itself is not this.",
    source="torch warns of it in mse_loss ('Using a target size that is different to the input size').",
    judge=judge,
    sick=(
        Readings(task="regression", loss=_BROADCAST, runs=(RunReading(outcome="stalled", score=0.02),)),
        Readings(loop=LoopReading(widened=True), runs=(RunReading(outcome="stalled", score=0.02),)),
    ),
    healthy=(
        Readings(),
        Readings(loop=LoopReading(widened=True)),
        Readings(task="regression", loss=replace(_BROADCAST, broadcasts=False)),
    ),
)
