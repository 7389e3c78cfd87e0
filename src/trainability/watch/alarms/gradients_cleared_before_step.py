"""Gradients are cleared between backward and step."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Order, State

STEPS = 2


def judge(s: State) -> Finding | None:
    """Fires where every followed step came after its gradients had been cleared."""
    o = s.order
    if o.steps < STEPS or o.emptied < o.steps:
        return None
    return Finding(
        cause="gradients-cleared-before-step",
        where="training loop",
        evidence={
            "steps followed": float(o.steps),
            "steps without a gradient": float(o.emptied),
            "step": float(s.step),
        },
        says=(
            f"In {o.emptied} of {o.steps} steps that were followed the gradients were cleared after backward and before "
            "step, so that the optimizer had nothing to go by. It does not mean that the gradient is 0. The order is "
            "zero_grad, backward, step."
        ),
        weight=1000.0,
    )


ALARM = Alarm(
    cause="gradients-cleared-before-step",
    judge=judge,
    sick=(State(order=Order(steps=5, emptied=5)),),
    healthy=(State(), State(order=Order(steps=5)), State(order=Order(steps=5, emptied=1))),
)
