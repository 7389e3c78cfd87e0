"""The step throws the gradient away before the optimizer can use it."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings
from trainability.doctor.rules._rule import Rule, fmt, share

HALF = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where most optimizer steps see no gradient although backward gave one, since it was cleared in between."""
    loop = r.loop
    if loop is None or not loop.steps or not loop.emptied >= HALF:
        return None
    moved = 0.0 if math.isnan(loop.moved) else loop.moved
    return Finding(
        cause="gradients-cleared-before-step",
        where="step",
        evidence={
            "optimizer steps watched": float(loop.steps),
            "without a gradient": loop.emptied,
            "relative movement of the weights": moved,
            "order of one step": loop.shown,
        },
        says=(
            f"{share(loop.emptied)} of {loop.steps} optimizer steps watched found no gradient: it was cleared after "
            f"backward() and before step() (each: {loop.shown}), and the weights moved by {fmt(moved)} of their size. "
            "It does not mean that gradients vanish in the network. Clear before loss.backward(), or after "
            "optimizer.step()."
        ),
        weight=1000.0,
    )


_EMPTIED = LoopReading(order=("forward", "backward", "clear", "step"), emptied=1.0, moved=0.0)

RULE = Rule(
    cause="gradients-cleared-before-step",
    title="Gradients cleared between backward and step",
    why="An optimizer moves weights by what is in .grad; after clearing there is nothing.",
    not_meant="A step that a gradient scaler leaves out once in a while is not this.",
    source="torch.optim.Optimizer.step and zero_grad.",
    judge=judge,
    sick=(Readings(loop=_EMPTIED),),
    healthy=(Readings(), Readings(loop=LoopReading()), Readings(loop=LoopReading(emptied=0.1))),
)
