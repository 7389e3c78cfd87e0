"""There is nothing to train."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State


def judge(s: State) -> Finding | None:
    """Fires where no parameter of the model wants a gradient."""
    if s.trainable:
        return None
    return Finding(
        cause="no-trainable-parameters",
        where="model",
        evidence={"trainable tensors": 0.0, "step": float(s.step)},
        says=(
            f"At step {s.step} 0 of the model's parameter tensors have requires_grad: nothing in it can change. "
            "It does not mean that freezing some layers is wrong. Set requires_grad_(True) where the model shall learn."
        ),
        weight=1000.0,
    )


ALARM = Alarm("no-trainable-parameters", judge, sick=(State(trainable=0),), healthy=(State(),))
