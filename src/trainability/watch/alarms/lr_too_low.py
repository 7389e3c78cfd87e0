"""The weights hardly move, and neither does the loss."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.rules import fmt
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import NAN, Sample, State, Weight

# A thousand steps in one direction would change such weights by one percent of their size.
MOVE, STEPS = 1e-5, 200


def judge(s: State) -> Finding | None:
    """Fires where a stalled run's steps change the median weight matrix by under a hundred-thousandth."""
    first, last = s.first.update, s.last.update
    if s.step < STEPS or s.outcome != "stalled" or not s.last.lr > 0 or not (first < MOVE and last < MOVE):
        return None
    if any(d.inputs and d.share >= 0.9 for d in s.dead):  # nothing moves because no gradient arrives
        return None
    if not s.last.gradient_norm > 0 or any(w.matrix and w.gradient != w.gradient for w in s.last.weights):
        return None  # where no gradient arrives, no learning rate helps
    return Finding(
        cause="lr-too-low",
        where="optimizer",
        evidence={
            "lr": s.last.lr,
            "step over the weights' size": last,
            "steps": float(s.step),
            "loss now": s.recent_loss,
        },
        says=(
            f"One step changes the median weight matrix by {fmt(last)} of its size, and in {s.step} steps the loss went "
            f"from {fmt(s.start_loss)} to {fmt(s.recent_loss)}. It does not mean that the network cannot learn this. Try a "
            "learning rate 10 to 100 times larger, or an optimizer that rescales its steps."
        ),
        severity="warning",
        weight=48.0,
    )


def _tiny(update: float, gradient: float = 1e-3) -> Sample:
    return Sample(weights=(Weight("0.weight", update=update, gradient=gradient),))


_SLOW = State(outcome="stalled", recent_loss=2.3, trend=0.0, first=_tiny(1e-7), last=_tiny(1e-7))

ALARM = Alarm(
    cause="lr-too-low",
    judge=judge,
    sick=(_SLOW,),
    healthy=(
        State(),
        replace(_SLOW, outcome="learning"),
        replace(_SLOW, last=_tiny(1e-3)),
        replace(_SLOW, step=50),
        replace(_SLOW, last=_tiny(1e-7, NAN)),
    ),
)
