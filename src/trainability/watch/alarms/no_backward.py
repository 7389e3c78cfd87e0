"""The optimizer steps, and nobody has called backward."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Order, State

STEPS = 2


def judge(s: State) -> Finding | None:
    """Fires where not one of at least two followed steps had a backward, or any gradient."""
    o = s.order
    if o.steps < STEPS or o.unbacked < o.steps or not s.trainable:
        return None
    return Finding(
        cause="no-backward",
        where="training loop",
        evidence={"steps followed": float(o.steps), "steps without backward": float(o.unbacked), "step": float(s.step)},
        says=(
            f"In {o.unbacked} of {o.steps} steps that were followed nothing called backward and no parameter had a gradient: "
            "the optimizer had nothing to go by. It does not mean that the gradient is 0. Call loss.backward() before "
            "optimizer.step()."
        ),
        weight=1000.0,
    )


ALARM = Alarm(
    cause="no-backward",
    judge=judge,
    sick=(State(order=Order(steps=5, unbacked=5)),),
    healthy=(State(), State(order=Order(steps=5)), State(order=Order(steps=5, unbacked=2))),
)
