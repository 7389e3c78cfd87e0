"""The gradient grows on its way back, and the run breaks."""

from __future__ import annotations

import statistics

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading
from trainability.doctor.rules import fmt
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Sample, State

RATIO = 1e3


def judge(s: State) -> Finding | None:
    """Fires where a run diverges whose first layer gets over a thousand times the last one's gradient."""
    broken = s.outcome == "diverged" or bool(s.nonfinite_weights)
    ratios = [r for r in s.ratios if r == r]
    if not broken or not ratios or s.nonfinite_data or not statistics.median(ratios) > RATIO:
        return None
    layers = s.first.of("weight")
    ratio = statistics.median(ratios)
    return Finding(
        cause="exploding-gradient",
        where=f"{layers[0].name} to {layers[-1].name}" if layers else "first layer",
        evidence={
            "gradient at the first layer over the last": ratio,
            "layers": float(len(layers)),
            "gradient norm over all weights": s.last.gradient_norm,
            "step": float(s.step),
        },
        says=(
            f"By step {s.step} the run had diverged; the gradient at the first of {len(layers)} layers with weights is "
            f"{fmt(ratio)} times that at the last one. One step moves the first layers out of every range where the "
            "gradient was valid. It does not mean that the data are wrong. Try He's weights, a smaller learning rate, or "
            "clipping."
        ),
        weight=72.0,
    )


_DEEP = Sample(layers=tuple(LayerReading(f"{i}", "linear", "weight") for i in range(6)))

ALARM = Alarm(
    cause="exploding-gradient",
    judge=judge,
    sick=(State(outcome="diverged", first=_DEEP, ratios=(1e5, 1e6)),),
    healthy=(
        State(),
        State(first=_DEEP, ratios=(1e5, 1e6)),
        State(outcome="diverged", first=_DEEP, ratios=(2.0, 30.0)),
    ),
)
