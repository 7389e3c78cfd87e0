"""Alarms judge a live run: each is one pure function from a State to a finding.

Their ids are those of `doctor.rules`, where the same cause is told from a whole diagnosis. A new one is one file with an
`ALARM`, one line below, and its own `sick` and `healthy` examples.
"""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms import (
    detached_loss,
    dying_relu,
    exploding_gradient,
    gradients_cleared_before_step,
    gradients_never_cleared,
    lr_too_high,
    lr_too_low,
    lr_zero,
    no_backward,
    no_trainable_parameters,
    nonfinite_data,
    nonfinite_loss,
    parameters_not_in_optimizer,
    same_answer,
    saturated_units,
    step_never_called,
    vanishing_gradient,
)
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State

__all__ = ["ALL", "Alarm", "judge"]

ALL: dict[str, Alarm] = {
    module.ALARM.cause: module.ALARM
    for module in (
        nonfinite_data,
        lr_zero,
        no_trainable_parameters,
        parameters_not_in_optimizer,
        detached_loss,
        no_backward,
        gradients_cleared_before_step,
        step_never_called,
        gradients_never_cleared,
        nonfinite_loss,
        exploding_gradient,
        lr_too_high,
        dying_relu,
        vanishing_gradient,
        saturated_units,
        lr_too_low,
        same_answer,
    )
}
"""Cause -> alarm."""


def judge(state: State) -> tuple[Finding, ...]:
    """All findings, the strongest first.

    Example:
        >>> judge(State())
        ()
    """
    found = [f for f in (alarm.judge(state) for alarm in ALL.values()) if f is not None]
    return tuple(sorted(found, key=lambda f: -f.weight))
