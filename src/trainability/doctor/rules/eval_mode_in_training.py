"""The model is trained in eval mode."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, share

HALF = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and most recorded forward passes of a model whose mode matters are in eval mode."""
    loop = r.loop
    if loop is None or not r.fails or not loop.mode_matters or not loop.evaluating >= HALF:
        return None
    return Finding(
        cause="eval-mode-in-training",
        where="step",
        evidence={"forward passes in eval mode": loop.evaluating, "calls watched": float(loop.calls)},
        says=(
            f"{share(loop.evaluating)} of the training's forward passes in {loop.calls} calls of the step are in eval "
            "mode: batch normalisation divides by its stored statistics, which never follow the data, and dropout is "
            "off. It does not mean that evaluation is wrong. Call model.train() at the beginning of the step."
        ),
        severity="warning",
        weight=57.0,
    )


_EVAL = LoopReading(evaluating=1.0, mode_matters=True)

RULE = Rule(
    cause="eval-mode-in-training",
    title="Training in eval mode",
    why="Batch normalisation in eval mode normalises by stored statistics (0 and 1 at the start), not by the batch's.",
    not_meant="Normalisation frozen on purpose in a network that trains is not this.",
    source="torch.nn.BatchNorm2d and torch.nn.Module.eval.",
    judge=judge,
    sick=(Readings(loop=_EVAL, runs=(RunReading("stalled", score=0.1),)),),
    healthy=(
        Readings(),
        Readings(loop=_EVAL),
        Readings(loop=LoopReading(evaluating=1.0), runs=(RunReading("stalled", score=0.1),)),
    ),
)
