"""A batch brings NaN or infinite values."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import State


def judge(s: State) -> Finding | None:
    """Fires where the first loss that was not finite came from a batch that was not."""
    if not s.nonfinite_data:
        return None
    return Finding(
        cause="non-finite-data",
        where="data",
        evidence={"seen at step": float(s.step), "where": s.nonfinite_data},
        says=(
            f"At step {s.step} the loss was not finite, and {s.nonfinite_data}, while all weights were still finite: the "
            "value came with the data. It does not mean that the learning rate is too high. Find the samples, and drop "
            "them or fill them in."
        ),
        weight=1000.0,
    )


ALARM = Alarm(
    cause="non-finite-data",
    judge=judge,
    sick=(State(nonfinite=1, nonfinite_data="32 values of a (32, 64) tensor that went in were not finite"),),
    healthy=(State(), State(nonfinite=4)),
)
