"""The loss rises: steps are larger than the loss's curvature allows."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading
from trainability.doctor.rules import fmt
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import NAN, Sample, State, Weight

# Training settles a little above its stability limit and is well there, so a limit that is passed counts only with a
# loss that rose. A step that changes the weights by half of their size leaves where the gradient was valid. A loss that
# begins near 0 by nature (two models against each other) may be ten times that and well: then the gradient stays small.
RISE, FAR, LEAP, GREW, EARLY = 3.0, 1.0, 0.5, 3.0, 10


def judge(s: State) -> Finding | None:
    """Fires where the loss is well above its start or was before it broke, and the step is why or nothing else is."""
    if s.nonfinite_data or not s.start_loss > 0 or s.last.lr <= 0 or s.step < EARLY:
        return None
    limit = s.curvature.limit if s.curvature else NAN
    over = s.last.lr / limit if limit > 0 else NAN
    rise = max((x for x in (s.rise, s.peak_loss / s.start_loss) if x == x), default=NAN)
    diverged = s.outcome == "diverged"
    broke = s.nonfinite > 0 and (rise > RISE or bool(s.nonfinite_weights))
    leaps = s.normalised and max(s.first.update, s.last.update) >= LEAP
    blamed = over > FAR or leaps
    grew = not s.last.gradient_norm <= GREW * s.first.gradient_norm
    if not (broke or (diverged and (blamed or grew)) or (s.rise > RISE and blamed)):
        return None
    if over == over and over < 0.5 and not leaps:
        return None
    evidence: dict[str, float | str] = {
        "lr": s.last.lr,
        "loss at the start": s.start_loss,
        "loss now": s.recent_loss,
        "first step over the weights' size": s.first.update,
        "step": float(s.step),
        "optimizer": s.optimizer,
    }
    stated = 'The largest stable lr was not measured in this run (detail="full" does).'
    if s.curvature is not None and over == over:
        evidence |= {"stable lr": limit, "lr over stable lr": over, "sharpness": s.curvature.sharpness}
        stated = (
            f"At step {s.curvature.step} the largest eigenvalue of the mini-batch's "
            f"{'preconditioned ' if s.curvature.preconditioned else ''}Hessian was {fmt(s.curvature.sharpness)}: "
            f"{s.optimizer} is stable there up to lr {fmt(limit)}, and {fmt(s.last.lr)} is {fmt(over)} times that."
        )
    now = "not a number any more" if s.nonfinite else fmt(s.recent_loss)
    return Finding(
        cause="lr-too-high",
        where="optimizer",
        evidence=evidence,
        says=(
            f"After {s.step} steps with lr {fmt(s.last.lr)} the loss is {now}; it began at {fmt(s.start_loss)}. {stated} "
            "It does not mean that the network cannot learn this: unscaled data and large weights lower the limit. "
            "Stop, and start again with a smaller learning rate, scaled data or a warm-up."
        ),
        weight=70.0,
    )


_WILD = State(
    outcome="diverged", recent_loss=90.0, peak_loss=90.0, step=50, last=Sample(step=50, loss=90.0, gradient_norm=40.0)
)

ALARM = Alarm(
    cause="lr-too-high",
    judge=judge,
    sick=(
        _WILD,
        replace(_WILD, recent_loss=math.nan, nonfinite=3, nonfinite_weights=("0.weight",)),
        State(
            step=60, recent_loss=9.0, peak_loss=9.0, curvature=CurvatureReading(stable_lr=0.01, batch_stable_lr=0.01)
        ),
        State(
            step=60,
            recent_loss=9.0,
            peak_loss=9.0,
            normalised=True,
            first=Sample(weights=(Weight("0.weight", update=0.9),)),
        ),
    ),
    healthy=(
        State(),
        State(curvature=CurvatureReading(stable_lr=0.01, batch_stable_lr=0.01)),  # above the limit, and learning
        State(step=60, recent_loss=9.0, peak_loss=9.0),  # a rise that nothing blames on the step
        replace(_WILD, nonfinite=1, nonfinite_data="inputs"),
        replace(_WILD, last=Sample(lr=0.0)),
        replace(_WILD, last=Sample(step=50, gradient_norm=0.5)),
    ),
)
