"""So small a learning rate, or so few steps, that the weights hardly left their start."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading, OptimizerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._pace import forecast
from trainability.doctor.rules._rule import Rule, fmt

# Networks that learn move their weights by a fifth to several times their size; under a tenth, with a gradient that is
# still there and room below the stability limit, the budget was not used.
MOVED, ROOM, GRADIENT = 0.1, 0.1, 0.1
# Along a curvature k gradient descent goes 1 - exp(-lr x steps x k) of its way. Under ten of the steepest direction's
# own times, one with a tenth of its curvature has hardly gone two thirds; healthy runs have hundreds.
TIMES, LEFT = 10.0, 1e-3
TAKEN_AWAY = 0.1  # of a constant lr's sum: a schedule took the rest, and that is told by itself


def judge(r: Readings) -> Finding | None:
    """Fires where runs do not reach the target and the budget is short: weights hardly moved while the gradient is as it
    was, or it is worth a few times what the steepest direction needs.
    """
    run, end, opt = r.runs[0], r.end, r.optimizer
    if (
        end is None
        or r.cut
        or opt.lr <= 0
        or any(x.outcome in ("trained", "diverged") for x in r.runs)
        or opt.held == 0
        or r.sight.blind
        or (r.schedule is not None and r.schedule.area < TAKEN_AWAY)
    ):
        return None
    limit = r.stable_lr if math.isfinite(r.stable_lr) else math.nan
    kept = end.gradient_norm / max(r.start.gradient_norm, 1e-300)
    if limit == limit and opt.lr > ROOM * limit and not opt.normalised:
        return None
    times = _times(r)
    unmoved = end.movement < MOVED and end.gradient_norm > GRADIENT * r.start.gradient_norm
    if not unmoved and not (times < TIMES and kept > LEFT and r.fails):
        return None
    reach = opt.lr * opt.steps
    evidence: dict[str, float | str] = {
        "relative movement of the weights": end.movement,
        "lr": opt.lr,
        "steps": float(opt.steps),
        "stable lr": limit,
        "gradient norm at the end over the start": kept,
        "loss at the start": run.start_loss,
        "loss at the end": run.end_loss,
    }
    how = ""
    if opt.normalised:
        evidence["lr times steps"] = reach
        how = (
            f" {opt.name} moves a weight by about lr per step, so that no weight can go farther than lr x steps = "
            f"{fmt(reach)}."
        )
    elif limit == limit:
        how = f" The curvature at the start would allow a learning rate up to {fmt(limit)}."
    if times < TIMES:
        evidence["lr x steps x curvature"] = times
        how += (
            f" Along the steepest direction the whole run is worth {fmt(times)} of its own times, lr x steps x curvature; "
            "where the loss curves a tenth as much it has hardly begun."
        )
    return Finding(
        cause="lr-too-low",
        where="optimizer",
        evidence=evidence,
        says=(
            f"After {opt.steps} steps with lr {fmt(opt.lr)} the weights have moved by {fmt(end.movement)} of their "
            f"size and the gradient is still {fmt(kept)} of what it was: the loss went from "
            f"{fmt(run.start_loss)} to {fmt(run.end_loss)}.{how} "
            f"{_said(r)} Try a larger learning rate, or more steps."
        ),
        weight=46.0 if unmoved else 29.0,  # what the steepest direction's times show, any defect shows as well
    )


def _times(r: Readings) -> float:
    """lr x steps x curvature of the steepest direction, over 1 - momentum; inf where that is no measure of the way gone."""
    opt, c = r.optimizer, r.curvature
    if opt.adaptive is not False or c is None or not c.converged or c.preconditioned or not c.sharpness > 0:
        return math.inf
    return opt.lr * opt.steps * c.sharpness / max(1 - opt.momentum, 1e-3) if opt.momentum < 1 else math.inf


def _said(r: Readings) -> str:
    """What the runs show of how it would go on."""
    more = forecast(r.runs)
    if more is None:
        return (
            "The loss does not fall so steadily that more steps alone are shown to be enough. It does not mean that the "
            "model or the data are right."
        )
    return (
        f"This is under-trained, not broken: at the pace of the last third every run is at its target within "
        f"{fmt(more * r.optimizer.steps)} steps. It does not mean that the model or the data are wrong."
    )


_SLOW = RunReading(outcome="stalled", end_loss=2.29, score=0.15, late_slope=-0.001)

RULE = Rule(
    cause="lr-too-low",
    title="Learning rate or budget too low",
    why="The distance that weights can go is bounded by lr x steps (x gradient); below their own size little changes.",
    not_meant="A loss that stands while the gradient is gone is something else: saturation or dead units.",
    source="Threshold: movements on digits and diabetes, trained 0.2 to 5, under-trained below 0.1; chosen between.",
    judge=judge,
    sick=(
        Readings(
            runs=(_SLOW,),
            end=Snapshot(step=880, movement=0.01),
            optimizer=OptimizerReading(name="Adam", lrs=(1e-5,), adaptive=True, normalised=True),
        ),
        Readings(
            runs=(_SLOW,),
            end=Snapshot(step=880, movement=0.01),
            optimizer=OptimizerReading(lrs=(1e-6,)),
            curvature=CurvatureReading(stable_lr=0.4),
        ),
    ),
    healthy=(
        Readings(end=Snapshot(step=880, movement=0.6)),
        Readings(runs=(_SLOW,), end=replace(Snapshot(), movement=0.01, gradient_norm=1e-20)),
        Readings(runs=(_SLOW,), end=Snapshot(step=880, movement=0.5)),
    ),
)
