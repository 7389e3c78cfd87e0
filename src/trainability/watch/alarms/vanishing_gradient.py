"""The gradient shrinks on its way back, look after look, and nothing is learned."""

from __future__ import annotations

import statistics

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading
from trainability.doctor.rules import fmt
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Sample, State

RATIO, LOOKS = 1e-3, 3  # the rule's own ratio, seen three times so that no odd batch speaks


def judge(s: State) -> Finding | None:
    """Fires where a stuck run's first layer gets under a thousandth of the last one's gradient, three times in a row."""
    if not s.stuck or len(s.ratios) < LOOKS or not all(r < RATIO for r in s.ratios[-LOOKS:]):
        return None
    layers = s.last.of("weight")
    ratio = statistics.median(s.ratios[-LOOKS:])
    where = f"{layers[0].name} to {layers[-1].name}" if layers else "first layer"
    per_layer = ratio ** (1 / max(len(layers) - 1, 1)) if ratio > 0 else 0.0
    return Finding(
        cause="vanishing-gradient",
        where=where,
        evidence={
            "gradient at the first layer over the last": ratio,
            "factor per layer": per_layer,
            "layers": float(len(layers)),
            "looks": float(LOOKS),
            "step": float(s.step),
        },
        says=(
            f"At step {s.step} the gradient at the first of {len(layers)} layers with weights is {fmt(ratio)} of that at "
            f"the last one, a factor of {fmt(per_layer)} per layer, and the run has learned nothing: the first layers stay "
            "as they were drawn. It does not mean that a larger learning rate would help. Try an activation and an "
            "initializer that belong together, normalisation, or shortcuts."
        ),
        weight=56.0,
    )


_DEEP = Sample(step=400, layers=tuple(LayerReading(f"{i}", "linear", "weight") for i in range(6)))

ALARM = Alarm(
    cause="vanishing-gradient",
    judge=judge,
    sick=(State(outcome="stalled", last=_DEEP, ratios=(1e-5, 1e-5, 2e-6)),),
    healthy=(
        State(),
        State(last=_DEEP, ratios=(1e-5, 1e-5, 2e-6)),
        State(outcome="stalled", last=_DEEP, ratios=(1e-5, 0.3, 2e-6)),
    ),
)
