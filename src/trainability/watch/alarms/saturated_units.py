"""Sigmoid or tanh units sit on their flat part while nothing is learned."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading
from trainability.doctor.rules import share
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Sample, State

SATURATED = 0.9


def judge(s: State) -> Finding | None:
    """Fires where a layer is nine tenths saturated in a run that is stuck."""
    layers = [x for x in s.last.of("activation") if x.saturated == x.saturated]
    worst = max(layers, key=lambda x: x.saturated, default=None)
    if worst is None or not s.stuck or worst.saturated < SATURATED:
        return None
    before = next((x.saturated for x in s.first.of("activation") if x.name == worst.name), float("nan"))
    return Finding(
        cause="saturated-units",
        where=worst.name,
        evidence={
            "share of values on the flat part": worst.saturated,
            "share of them at the start": before,
            "units in the layer": float(worst.units),
            "step": float(s.last.step),
        },
        says=(
            f"At step {s.last.step} {share(worst.saturated)} of the values of {worst.name} ({worst.kind}, {worst.units} "
            f"units) lie where its slope is under 5% of its largest, and the run has learned nothing in {s.step} steps. "
            "It does not mean that the network is too small. Try smaller weights, scaled inputs or a smaller learning "
            "rate."
        ),
        weight=52.0,
    )


def _look(saturated: float) -> Sample:
    return Sample(step=400, layers=(LayerReading("1", "tanh", "activation", saturated=saturated),))


ALARM = Alarm(
    cause="saturated-units",
    judge=judge,
    sick=(State(outcome="stalled", last=_look(0.97)),),
    healthy=(State(), State(last=_look(0.97)), State(outcome="stalled", last=_look(0.4))),
)
