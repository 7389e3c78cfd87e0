"""The step computes gradients and no optimizer uses them."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, Snapshot
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where no optimizer stepped, nothing else moved the weights, and a whole run left them as they were."""
    loop = r.loop
    if loop is None or loop.steps or loop.skipped or not loop.idle or loop.elsewhere:
        return None
    if r.end is not None and r.end.movement > 0:  # it steps, but less often than it was watched
        return None
    return Finding(
        cause="step-never-called",
        where="step",
        evidence={"calls watched": float(loop.calls), "optimizer steps": 0.0, "order of one call": loop.shown or "-"},
        says=(
            f"In {loop.calls} calls of the step no optimizer stepped (each: {loop.shown or 'nothing was seen'}) and no "
            "weight changed. It does not mean that the gradient is 0. Call optimizer.step() after loss.backward()."
        ),
        weight=1000.0,
    )


_IDLE = LoopReading(calls=64, order=("clear", "forward", "backward"), steps=0, moved=0.0)

RULE = Rule(
    cause="step-never-called",
    title="Optimizer step never called",
    why="backward() computes gradients; only optimizer.step() moves weights.",
    not_meant="Weights updated by hand, and accumulation over many batches, are not this.",
    source="torch.optim.Optimizer.step.",
    judge=judge,
    sick=(Readings(loop=_IDLE),),
    healthy=(
        Readings(),
        Readings(loop=LoopReading()),
        Readings(loop=LoopReading(calls=64, steps=0, moved=0.1)),
        Readings(loop=_IDLE, end=Snapshot(step=880, movement=0.3)),
    ),
)
