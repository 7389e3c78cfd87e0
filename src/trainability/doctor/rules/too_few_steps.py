"""The loss is still falling steadily when the budget ends."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import MotionReading, OptimizerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._pace import budgets, forecast
from trainability.doctor.rules._rule import Rule, fmt

SHARE = 2 / 3  # of runs that fall steadily towards their target
# A budget of a few dozen steps, since a batch holds a quarter of the data or more; networks that learn move their weights by
# a fifth to several times their size.
FEW, PART, LARGE, MOVED, LEFT = 50, 0.25, 64, 0.1, 0.1
TURN = -0.3  # a gradient that turns round in every step goes nowhere, however many there are


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail without breaking, their loss still falls steadily, and at that pace the target is near."""
    if not r.fails or r.cut or r.optimizer.lr <= 0 or any(x.outcome in ("trained", "diverged") for x in r.runs):
        return None
    if r.motion is not None and r.motion.turn <= TURN:
        return None
    waits = [w for w in map(budgets, r.runs) if w is not None]
    if len(waits) < SHARE * len(r.runs):
        return _hardly_any(r)
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
            f"{fmt(run.start_loss)}, and it still fell by {fmt(-100 * run.late_slope)}% in the last third. {_said(r)}"
            f"At this pace the target of {fmt(run.target)} takes about {fmt(more)} times the budget, "
            f"{fmt(more * opt.steps)} steps. It does not mean that the model, the loss or the data are wrong. "
            "Train longer, or with a larger learning rate."
        ),
        severity="warning",
        weight=28.0,
    )


def _hardly_any(r: Readings) -> Finding | None:
    """Fires where the batch is so large a part of the data that the whole budget is a few dozen steps."""
    opt, run = r.optimizer, r.runs[0]
    if not 0 < opt.steps < FEW or not opt.batch_size >= PART * r.data.n > 0 or opt.batch_size < LARGE or r.end is None:
        return None
    if not r.end.movement < MOVED or not r.end.gradient_norm > LEFT * r.start.gradient_norm:
        return None
    return Finding(
        cause="too-few-steps",
        where="batch size",
        evidence={
            "steps": float(opt.steps),
            "batch size": float(opt.batch_size),
            "samples": float(r.data.n),
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "relative movement of the weights": r.end.movement,
        },
        says=(
            f"With {opt.batch_size} of {r.data.n} samples in a batch, {opt.epochs} passes over the data are {opt.steps} "
            f"steps. The weights moved by {fmt(r.end.movement)} of their size, and the loss went from "
            f"{fmt(run.start_loss)} to {fmt(run.end_loss)}. It does not mean that the model, the loss or the data are "
            "wrong. Smaller batches give more steps for the same passes."
        ),
        severity="warning",
        weight=47.0,
    )


def _said(r: Readings) -> str:
    """What every run has to show."""
    return "This is under-trained, not broken. " if forecast(r.runs) is not None else ""


_FALLING = RunReading("learning", end_loss=1.9, target=1.15, score=0.4, late_slope=-0.1)

RULE = Rule(
    cause="too-few-steps",
    title="Under-trained: the budget ended first",
    why="A loss that falls by a steady share per step needs steps in proportion to the logarithm of what is left.",
    not_meant="A loss that stands still is not this, however many steps are added.",
    source="Extrapolation of the loss's last third. Thresholds: chosen; see the comment.",
    judge=judge,
    sick=(
        Readings(
            runs=(RunReading("stalled", end_loss=2.29, score=0.12, late_slope=-0.001),),
            optimizer=OptimizerReading(steps=10, epochs=10, batch_size=1400),
            end=Snapshot(step=10, movement=0.02),
        ),
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
