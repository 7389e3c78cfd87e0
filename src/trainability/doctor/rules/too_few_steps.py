"""The loss is still falling steadily when the budget ends."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import MotionReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

# A loss that still loses 1.5% in the last third has not settled; at that pace it comes to the target within thirty
# budgets, or something else than the budget holds it.
FALL, BUDGETS, SHARE = 0.015, 30.0, 2 / 3
TURN = -0.3  # a gradient that turns round in every step goes nowhere, however many there are


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail without breaking, their loss still falls steadily, and at that pace the target is near."""
    if not r.fails or r.cut or r.optimizer.lr <= 0 or any(x.outcome in ("trained", "diverged") for x in r.runs):
        return None
    if r.motion is not None and r.motion.turn <= TURN:
        return None
    waits = [w for w in map(_budgets, r.runs) if w is not None]
    if len(waits) < SHARE * len(r.runs):
        return None
    run, opt, more = r.runs[0], r.optimizer, sorted(waits)[len(waits) // 2]
    moved = r.end.movement if r.end else math.nan
    return Finding(
        cause="too-few-steps",
        where="epochs",
        evidence={
            "change of the loss over the last third": run.late_slope,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "loss to reach": run.target,
            "steps": float(opt.steps),
            "budgets to the target at this pace": more,
            "relative movement of the weights": moved,
        },
        says=(
            f"After {opt.steps} steps ({opt.epochs} epochs) the loss is at {fmt(run.end_loss)}, from "
            f"{fmt(run.start_loss)}, and it still fell by {fmt(-100 * run.late_slope)}% in the last third. This is "
            f"under-trained, not broken: at this pace the target of {fmt(run.target)} takes about {fmt(more)} times "
            "the budget. It does not mean that the model, the loss or the data are wrong. "
            "Train longer, or with a larger learning rate."
        ),
        severity="warning",
        weight=28.0,
    )


def _budgets(run: RunReading) -> float | None:
    """How many of the present budgets a run needs to its target at the pace of its last third; None for too many."""
    if not (run.late_slope <= -FALL and run.late_slope > -1 and 0 < run.target < run.end_loss < run.start_loss):
        return None
    thirds = math.log(run.end_loss / run.target) / -math.log1p(run.late_slope)
    budgets = 1 + thirds / 3
    return budgets if budgets <= BUDGETS else None


_FALLING = RunReading("learning", end_loss=1.9, target=1.15, score=0.4, late_slope=-0.1)

RULE = Rule(
    cause="too-few-steps",
    title="Under-trained: the budget ended first",
    why="A loss that falls by a steady share per step needs steps in proportion to the logarithm of what is left.",
    not_meant="A loss that stands still is not this, however many steps are added.",
    source="Extrapolation of the loss's last third. Thresholds: chosen; see the comment.",
    judge=judge,
    sick=(
        Readings(runs=(_FALLING,)),
        Readings(runs=(_FALLING, _FALLING, RunReading("stalled", score=0.1)), end=Snapshot(step=880, movement=0.3)),
    ),
    healthy=(
        Readings(),
        Readings(runs=(_FALLING,), cut=True),
        Readings(runs=(replace(_FALLING, late_slope=-0.001),)),
        Readings(runs=(_FALLING, RunReading("trained"))),
        Readings(runs=(_FALLING,), motion=MotionReading(turn=-0.9)),
        Readings(runs=(replace(_FALLING, outcome="diverged"),)),
    ),
)
