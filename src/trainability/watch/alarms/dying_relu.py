"""ReLU units die while the run goes on."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.rules import share
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Dead, State

# As for the rule of the same name: half a layer dead still trains in most cases, nine tenths leave too little.
DEAD, ROSE, MOST, FLAT = 0.9, 0.3, 0.75, -0.01
SAME, STEPS = 3, 20  # looks in which every answer was the same


def judge(s: State) -> Finding | None:
    """Fires where a layer is nine tenths dead in a run that is stuck or answers alike, or most died and the loss stays."""
    layers = [d for d in s.dead if d.inputs]
    if not layers or s.step < 2:
        return None
    worst = max(layers, key=lambda d: d.share)
    rose = worst.share - worst.share_first
    flat = s.trend >= FLAT and s.outcome != "trained"
    alike = s.same >= SAME and s.step >= STEPS
    gone = worst.share >= DEAD and (s.stuck or alike)
    if not (gone or (rose >= ROSE and worst.share >= MOST and flat and s.step >= 100)):
        return None
    count = round(worst.share * worst.units)
    before = (
        f"over the first inputs it was {share(worst.share_first)}: steps pushed them below zero for every input. "
        if rose > 0
        else "they were so from the beginning. "
    )
    return Finding(
        cause="dying-relu",
        where=worst.name,
        evidence={
            "dead units": float(count),
            "units in the layer": float(worst.units),
            "share dead": worst.share,
            "share dead at the start": worst.share_first,
            "inputs": float(worst.inputs),
            "step": float(s.step),
            "looks in a row with the same answer for all inputs": float(s.same),
        },
        says=(
            f"At step {s.step} {count} of {worst.units} units of {worst.name} answered 0 to each of the last "
            f"{worst.inputs} inputs that were looked at, so that they get no gradient; {before}"
            "It does not mean that ReLU is wrong for this network: some dead units are normal. "
            + ("Try a smaller learning rate, or scaled targets." if rose > 0 else "Try smaller biases or He's weights.")
        ),
        severity="critical" if gone else "warning",
        weight=64.0 if gone else 45.0,
    )


_GONE = Dead("1", 64, 1.0, 0.1, 512)

ALARM = Alarm(
    cause="dying-relu",
    judge=judge,
    sick=(
        State(outcome="stalled", recent_loss=2.3, trend=0.0, dead=(_GONE,)),
        State(outcome="learning", trend=0.0, dead=(Dead("1", 64, 0.8, 0.1, 640),)),
        State(step=81, outcome="learning", dead=(replace(_GONE, share_first=1.0),), same=6, same_inputs=96),
    ),
    healthy=(
        State(),
        State(dead=(_GONE,)),  # the loss falls all the same
        State(outcome="trained", trend=0.0, dead=(Dead("1", 64, 0.8, 0.1, 640),)),
        State(outcome="stalled", trend=0.0, dead=(replace(_GONE, inputs=0),)),
        State(outcome="stalled", trend=0.0, dead=(Dead("1", 64, 0.4, 0.1, 640),)),
    ),
)
