"""The step throws the gradient away before the optimizer can use it."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

HALF = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where gradients are cleared between backward and step: at most steps, or of most backwards where runs fail."""
    loop = r.loop
    if loop is None or not loop.steps:
        return None
    if not loop.emptied >= HALF:
        return _thrown_away(r, loop) if r.fails and loop.thrown > HALF else None
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


def _thrown_away(r: Readings, loop: LoopReading) -> Finding:
    """Fires where runs fail and most backwards' gradients are cleared before a step, as in accumulation gone wrong."""
    many = f" (one step in {fmt(loop.accumulated)} backwards)" if loop.accumulated > 1 else ""
    return Finding(
        cause="gradients-cleared-before-step",
        where="step",
        evidence={
            "optimizer steps watched": float(loop.steps),
            "backwards watched": float(loop.backwards),
            "share of gradients thrown away": loop.thrown,
            "backwards per optimizer step": loop.accumulated,
            "order of one step": loop.shown,
        },
        says=(
            f"The gradients of {share(loop.thrown)} of {loop.backwards} backwards watched were cleared before an "
            f"optimizer step used them{many}: of what was computed, {share(1 - loop.thrown)} moves the weights. It does "
            "not mean that accumulating gradients is wrong, nor that the learning rate is. Clear after "
            "optimizer.step() only, not at every batch; or step at every batch."
        ),
        weight=1000.0,
    )


_EMPTIED = LoopReading(order=("forward", "backward", "clear", "step"), emptied=1.0, moved=0.0)
_WASTED = LoopReading(order=("clear", "forward", "backward") * 4, thrown=0.75, accumulated=4.0)

RULE = Rule(
    cause="gradients-cleared-before-step",
    title="Gradients cleared between backward and step",
    why="An optimizer moves weights by what is in .grad; after clearing there is nothing.",
    not_meant="A step that a gradient scaler leaves out once in a while is not this.",
    source="torch.optim.Optimizer.step and zero_grad.",
    judge=judge,
    sick=(Readings(loop=_EMPTIED), Readings(loop=_WASTED, runs=(RunReading("stalled", score=0.1),))),
    healthy=(Readings(), Readings(loop=LoopReading()), Readings(loop=LoopReading(emptied=0.1)), Readings(loop=_WASTED)),
)
