"""A schedule that has taken the learning rate away long before the budget is over."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings, RunReading, ScheduleReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# A straight line or a cosine to 0 has an area of 1/2, halves at every tenth of the budget 1/5, tenfold drops at a third and
# at two thirds 3/8. Under a tenth of the area with nine tenths of the budget below a tenth of the peak, the budget is lost.
AREA, EARLY = 0.1, 0.25
GRADIENT = 0.05  # of what it was at the start: where none is left, no learning rate was missing


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail short of the target, the lr fell tenfold early for good, and the gradient is still there."""
    s, run = r.schedule, r.runs[0] if r.runs else None
    if s is None or run is None or not r.fails or any(x.outcome in ("trained", "diverged") for x in r.runs):
        return None
    if not s.area < AREA or not s.tenfold_step < EARLY * s.steps or not s.last <= 0.1 * s.peak:
        return None
    if r.end is not None and not r.end.gradient_norm > GRADIENT * r.start.gradient_norm:
        return None
    return Finding(
        cause="lr-decays-too-fast",
        where="schedule in the step",
        evidence={
            "lr at the start": s.first,
            "largest lr": s.peak,
            "step from which on it is a tenth of that": float(s.tenfold_step),
            "lr at the end": s.last,
            "steps": float(s.steps),
            "sum of all steps' lr over the largest times the steps": s.area,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
        },
        says=(
            f"The schedule takes the learning rate from {fmt(s.peak)} to under a tenth of that by step {s.tenfold_step} "
            f"of {s.steps} ({share(s.tenfold_step / max(s.steps, 1))} of the budget) and to {fmt(s.last)} at the end: all "
            f"steps together go as far as {fmt(s.area * s.steps)} at the full rate. The loss went from "
            f"{fmt(run.start_loss)} to {fmt(run.end_loss)}. It does not mean that the learning rate it starts with is too "
            "low, nor that a schedule is wrong: warm-up, and a decay over the whole budget, are fine. A scheduler that is "
            "meant for epochs belongs after the loop over batches."
        ),
        weight=61.0,
    )


_STOOD = (RunReading("stalled", end_loss=2.28, score=0.16),)
_GONE = ScheduleReading(first=0.02, peak=0.02, last=1e-26, tenfold_step=22, area=0.019, steps=528)

RULE = Rule(
    cause="lr-decays-too-fast",
    title="Learning rate decays too fast",
    why="The distance that weights can go is bounded by the sum of the learning rates; a geometric series soon ends.",
    not_meant="A learning rate near 0 at the end of the budget is what most schedules aim for.",
    source="Sum of the learning rates, as in Robbins and Monro 1951, condition (6). Thresholds: areas of common schedules.",
    judge=judge,
    sick=(Readings(schedule=_GONE, runs=_STOOD),),
    healthy=(
        Readings(),
        Readings(schedule=_GONE),
        Readings(schedule=ScheduleReading(), runs=_STOOD),
        Readings(schedule=ScheduleReading(first=0.0, last=1e-5, tenfold_step=840, area=0.5), runs=_STOOD),
        Readings(schedule=_GONE, runs=_STOOD, end=Snapshot(step=528, gradient_norm=1e-9)),
    ),
)
