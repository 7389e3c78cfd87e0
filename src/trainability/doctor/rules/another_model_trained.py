"""The step trains something else than the model it is given."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, Snapshot
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where the given model's weights stayed as they were while others were trained."""
    loop = r.loop
    if loop is None or not loop.elsewhere or not loop.idle:
        return None
    if r.end is not None and r.end.movement > 0:
        return None
    stepped = f"{loop.foreign_steps} optimizer steps went" if loop.foreign_steps else "training went"
    return Finding(
        cause="another-model-trained",
        where="step",
        evidence={
            "calls watched": float(loop.calls),
            "steps of other optimizers": float(loop.foreign_steps),
            "backwards that reached this model": float(loop.reaching),
            "relative movement of this model's weights": 0.0,
        },
        says=(
            f"In {loop.calls} calls of the step the model that it is given did not change; {stepped} to other weights. "
            "The step uses a model or an optimizer from outside instead of its arguments, or builds one of its own. "
            "It does not mean that the gradient is 0. Use the model and the optimizer that step(model, batch, "
            "optimizer) is called with, and build the optimizer from that model's parameters."
        ),
        weight=1000.0,
    )


_ELSEWHERE = LoopReading(order=("forward",), steps=0, foreign_steps=8, reaching=0, moved=0.0, elsewhere=True)

RULE = Rule(
    cause="another-model-trained",
    title="Another model is trained",
    why="Only weights that an optimizer holds and a backward pass reaches are trained.",
    not_meant="A second network that is trained beside this one (an adversary, a critic) is not this.",
    source="Follows from the update rule.",
    judge=judge,
    sick=(Readings(loop=_ELSEWHERE),),
    healthy=(
        Readings(),
        Readings(loop=LoopReading(foreign_steps=8)),
        Readings(loop=_ELSEWHERE, end=Snapshot(step=880, movement=0.3)),
    ),
)
