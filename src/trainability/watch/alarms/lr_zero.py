"""Every learning rate is 0, step after step."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State

ROW = 20  # a warm-up begins at 0, and a schedule may end there


def judge(s: State) -> Finding | None:
    """Fires where the last looks, over twenty steps and from the first on, all saw learning rates of 0."""
    if s.zero_lr < ROW or s.zero_lr < s.step:
        return None
    return Finding(
        cause="lr-zero",
        where="optimizer",
        evidence={"lr": 0.0, "steps with it": float(s.zero_lr)},
        says=(
            f"In all {s.zero_lr} steps so far every learning rate of {s.optimizer} was 0: no weight has moved. "
            "It does not mean that the gradient is 0. Set lr, and look at what the schedule multiplies it by."
        ),
        weight=1000.0,
    )


ALARM = Alarm("lr-zero", judge, sick=(State(step=30, zero_lr=30),), healthy=(State(), State(step=400, zero_lr=30)))
