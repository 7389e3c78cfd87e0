"""Every backward adds to all the gradients before it."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Order, State

STEPS = 3


def judge(s: State) -> Finding | None:
    """Fires where not one of at least three followed steps cleared the gradients."""
    o = s.order
    if o.steps < STEPS or o.uncleared < o.steps:
        return None
    return Finding(
        cause="gradients-never-cleared",
        where="training loop",
        evidence={
            "steps followed": float(o.steps),
            "steps without clearing": float(o.uncleared),
            "step": float(s.step),
        },
        says=(
            f"In {o.uncleared} of {o.steps} steps that were followed backward added to the gradient of the step before: "
            "the optimizer steps along the sum of all gradients since the start, as with a momentum of 1. "
            "It does not mean gradient accumulation, which clears after every step. Call optimizer.zero_grad() once per "
            "step."
        ),
        weight=900.0,
    )


ALARM = Alarm(
    cause="gradients-never-cleared",
    judge=judge,
    sick=(State(order=Order(steps=5, uncleared=5)),),
    healthy=(State(), State(order=Order(steps=5)), State(order=Order(steps=2, uncleared=2))),
)
