"""The optimizer steps other tensors than the model's."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State


def judge(s: State) -> Finding | None:
    """Fires where the optimizer holds none of the model's trainable tensors, or lacks some of a run that is stuck."""
    if not s.steps_on or not s.trainable or not s.missing:
        return None
    none = len(s.missing) >= s.trainable
    if not none and not s.stuck:
        return None
    names = ", ".join(s.missing[:5]) + (", ..." if len(s.missing) > 5 else "")
    foreign = (
        f" It holds {s.foreign} tensors that are not the model's: it was built for another model, or before layers were "
        "replaced."
        if s.foreign
        else ""
    )
    return Finding(
        cause="parameters-not-in-optimizer",
        where=names,
        evidence={
            "trainable tensors": float(s.trainable),
            "missing from the optimizer": float(len(s.missing)),
            "held but not the model's": float(s.foreign),
        },
        says=(
            f"{len(s.missing)} of the model's {s.trainable} trainable tensors are not in the optimizer (missing: {names}); "
            f"nothing changes them.{foreign} It does not mean that their gradient is 0. Build the optimizer from "
            "model.parameters() after the model is complete."
        ),
        severity="critical" if none else "warning",
        weight=1000.0 if none else 58.0,
    )


ALARM = Alarm(
    cause="parameters-not-in-optimizer",
    judge=judge,
    sick=(
        State(step=0, trainable=2, missing=("a", "b"), foreign=2),
        State(outcome="stalled", missing=("a",)),
    ),
    healthy=(State(), State(missing=("a",)), State(steps_on=False, trainable=1, missing=("a",))),
)
