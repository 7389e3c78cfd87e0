"""Backward is called again and again, and the optimizer never steps."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Order, State

BACKWARDS = 100  # more than people accumulate


def judge(s: State) -> Finding | None:
    """Fires after a hundred backward passes without a single step of the optimizer."""
    if s.step or not s.steps_on or s.order.backwards < BACKWARDS:
        return None
    return Finding(
        cause="step-never-called",
        where="training loop",
        evidence={"backward passes": float(s.order.backwards), "steps": 0.0},
        says=(
            f"{s.order.backwards} backward passes were made and the optimizer that was given to be watched has not taken "
            "one step. It does not mean that a long gradient accumulation is wrong. Call optimizer.step() after backward, "
            "or watch the optimizer that the loop uses."
        ),
        weight=1000.0,
    )


ALARM = Alarm(
    cause="step-never-called",
    judge=judge,
    sick=(State(step=0, order=Order(backwards=200)),),
    healthy=(
        State(),
        State(step=0, order=Order(backwards=64)),
        State(step=0, steps_on=False, order=Order(backwards=200)),
    ),
)
