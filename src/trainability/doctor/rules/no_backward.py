"""The step never asks for a gradient."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, Snapshot
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where no backward pass was made and no weight changed."""
    loop = r.loop
    if loop is None or loop.backwards or loop.manual or not loop.idle or loop.elsewhere:
        return None
    if r.end is not None and r.end.movement > 0:
        return None
    return Finding(
        cause="no-backward",
        where="step",
        evidence={"calls watched": float(loop.calls), "backward passes": 0.0, "order of one call": loop.shown or "-"},
        says=(
            f"In {loop.calls} calls of the step there was no backward pass (each: {loop.shown or 'nothing was seen'}): "
            "no parameter ever gets a gradient, and no weight changed. It does not mean that gradients vanish. Call "
            "loss.backward() before optimizer.step()."
        ),
        weight=1000.0,
    )


_NONE = LoopReading(order=("clear", "forward", "step"), backwards=0, reaching=0, moved=0.0)

RULE = Rule(
    cause="no-backward",
    title="Backward never called",
    why="Gradients are computed by backward(); without it .grad stays empty and an optimizer skips the parameter.",
    not_meant="Gradients from torch.autograd.grad, and methods without gradients that move the weights, are not this.",
    source="torch.Tensor.backward.",
    judge=judge,
    sick=(Readings(loop=_NONE),),
    healthy=(
        Readings(),
        Readings(loop=LoopReading()),
        Readings(loop=LoopReading(backwards=0, reaching=0, manual=8)),
        Readings(loop=_NONE, end=Snapshot(step=880, movement=0.3)),
    ),
)
