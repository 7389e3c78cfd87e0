"""ReLU units that answer 0 to every input, and so get no gradient."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# Half a layer dead still trains in most cases; nine tenths leave too little width for the rest to work with.
DEAD = 0.9


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and a ReLU layer is nine tenths dead over the sample, at birth or later."""
    if not r.fails:
        return None
    for now in (r.start, r.early, r.end):
        worst = _worst(now)
        if now is None or worst is None or worst.dead < DEAD:
            continue
        return _finding(r, now, worst)
    return None


def _worst(now: Snapshot | None) -> LayerReading | None:
    layers = [x for x in now.layers if x.kind == "relu" and x.dead == x.dead] if now else []
    return max(layers, key=lambda x: x.dead, default=None)


def _finding(r: Readings, now: Snapshot, worst: LayerReading) -> Finding:
    born = now.step == 0
    before = next((x.dead for x in r.start.layers if x.name == worst.name), float("nan"))
    count, whole = round(worst.dead * worst.units), worst.dead >= 1
    when = "Before the first step" if born else f"After {now.step} steps"
    follow = (
        "nothing behind this layer depends on the input any more, and no gradient passes it"
        if whole
        else "they get no gradient and stay as they are"
    )
    cause = (
        f"They are dead at birth: {_reason(now, worst)}. "
        if born
        else f"At the start it was {share(before)}: a step too large for this layer pushed them below zero. "
    )
    return Finding(
        cause="dying-relu",
        where=worst.name,
        evidence={
            "dead units": float(count),
            "units in the layer": float(worst.units),
            "share dead": worst.dead,
            "share dead before training": before,
            "gradient norm over all weights": now.gradient_norm,
            "measured at step": float(now.step),
        },
        says=(
            f"{when} {count} of {worst.units} units of {worst.name} answer 0 to every input of the sample; {follow}. "
            f"{cause}The loss ended at {fmt(r.runs[0].end_loss)}; a constant answer reaches "
            f"{fmt(r.runs[0].constant_loss)}. "
            "It does not mean that ReLU is wrong for this network: some dead units are normal. "
            + ("Try smaller biases or He's weights." if born else "Try a smaller learning rate, or scaled targets.")
        ),
        weight=(64.0 if whole else 52.0) * worst.dead if born else 52.0 * worst.dead,
    )


def _reason(now: Snapshot, worst: LayerReading) -> str:
    """Why a layer is dead before the first step, by what comes in."""
    before = [x for x in now.layers[: now.layers.index(worst)] if x.role == "weight"]
    if before and before[-1].mean_square == 0:
        return "what goes in is 0 for every input, and ReLU has no slope there"
    if before and before[-1].share_across_inputs < 0.1:
        return "the bias (or a common part of the inputs) outweighs what differs between inputs"
    return "the weights bring nothing positive for any input"


def _relu(dead: float) -> Snapshot:
    return Snapshot(step=400, layers=(LayerReading("1", "relu", "activation", dead=dead, always_on=0.0),))


_STALLED = (RunReading(outcome="stalled", score=0.1),)

RULE = Rule(
    cause="dying-relu",
    title="Dead ReLU units, at birth or during training",
    why=(
        "A ReLU whose input is negative for every sample has output 0 and slope 0: no gradient reaches its weights, so "
        "gradient descent cannot bring it back. A layer all dead cuts the network in two."
    ),
    not_meant="A minority of dead units is normal and harmless.",
    source="Lu et al. 2019, 'Dying ReLU and initialization', section 2 (definition). Threshold: chosen.",
    judge=judge,
    sick=(Readings(end=_relu(1.0), runs=_STALLED), Readings(start=replace(_relu(0.95), step=0), runs=_STALLED)),
    healthy=(Readings(), Readings(end=_relu(1.0)), Readings(end=_relu(0.12), runs=_STALLED)),
)
