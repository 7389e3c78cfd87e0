"""The step adds every batch's gradient to all those before it."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LoopReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

HALF = 0.5  # a loop that accumulates on purpose clears after each optimizer step: a share of 0


def judge(r: Readings) -> Finding | None:
    """Fires where most optimizer steps see the gradient of the step before in their own."""
    loop = r.loop
    if loop is None or loop.steps < 3 or not loop.stale >= HALF:
        return None
    evidence: dict[str, float | str] = {
        "optimizer steps watched": float(loop.steps),
        "with the last step's gradient still in it": loop.stale,
        "backwards per step": loop.accumulated,
        "order of one step": loop.shown,
    }
    return Finding(
        cause="gradients-never-cleared",
        where="step",
        evidence=evidence,
        says=(
            f"In {share(loop.stale)} of {loop.steps} optimizer steps watched (each: {loop.shown}) nothing cleared the "
            f"gradients since the step before: backward adds to them, so that a step follows the sum of all gradients "
            f"so far, like a momentum that never decays. It does not mean accumulation over a few batches, which "
            f"clears after each optimizer step (here {fmt(loop.accumulated)} backward per step). Call "
            "optimizer.zero_grad() before loss.backward(). A smaller learning rate does not mend this."
        ),
        severity="critical" if r.fails else "warning",
        weight=1000.0 if r.fails else 70.0,
    )


_STALE = LoopReading(order=("forward", "backward", "step"), stale=1.0)

RULE = Rule(
    cause="gradients-never-cleared",
    title="Gradients never cleared",
    why="backward() adds to .grad; without clearing, old gradients outlive the weights they were computed for.",
    not_meant="Gradients accumulated over several batches and cleared after each optimizer step are not this.",
    source="torch.optim.Optimizer.zero_grad; undamped heavy ball: momentum 1 has no rate of convergence.",
    judge=judge,
    sick=(Readings(loop=_STALE, runs=(RunReading("diverged", score=0.1),)), Readings(loop=_STALE)),
    healthy=(
        Readings(),
        Readings(loop=LoopReading()),
        Readings(loop=LoopReading(calls=24, steps=6, accumulated=4.0, backwards=24, reaching=24)),
    ),
)
