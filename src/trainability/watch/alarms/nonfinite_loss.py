"""The loss is no longer a number."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State

ROW = 3  # a single bad batch is skipped by many loops; from three in a row it does not come back


def judge(s: State) -> Finding | None:
    """Fires where losses in a row are not finite, or one is and weights with it."""
    if not s.nonfinite or (s.nonfinite < ROW and not s.nonfinite_weights):
        return None
    names = ", ".join(s.nonfinite_weights[:3]) + (", ..." if len(s.nonfinite_weights) > 3 else "")
    weights = (
        f" {len(s.nonfinite_weights)} of {s.trainable} weight tensors hold NaN or infinite values ({names}): every later "
        "step starts from these."
        if s.nonfinite_weights
        else ""
    )
    return Finding(
        cause="non-finite-loss",
        where="loss",
        evidence={
            "losses in a row that are not finite": float(s.nonfinite),
            "weight tensors that are not finite": float(len(s.nonfinite_weights)),
            "loss at the start": s.start_loss,
        },
        says=(
            f"At step {s.step} the loss is NaN or infinite, for {s.nonfinite} steps in a row.{weights} "
            "It does not say why: a step that was too large, NaN in the data, or an operation outside its range (log of "
            "0, division by 0) all end here. Go back to the last checkpoint and look at what else was found."
        ),
        weight=60.0,
    )


ALARM = Alarm(
    cause="non-finite-loss",
    judge=judge,
    sick=(State(nonfinite=3), State(nonfinite=1, nonfinite_weights=("0.weight",))),
    healthy=(State(), State(nonfinite=1)),
)
