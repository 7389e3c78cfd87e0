"""A last sigmoid or tanh sits on its flat part and passes no gradient back."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# A gradient at the logits of 1e-3 per input is 300 times under that of a fresh classifier, as for a saturated softmax.
SATURATED, GRADIENT = 0.9, 1e-3


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, nine tenths of a last sigmoid's or tanh's values are flat, and no gradient passes it."""
    if not r.fails:
        return None
    seen = [now for now in (r.start, r.early, r.end) if now is not None and _flat(now)]
    return _finding(r, seen[-1], seen[0].step) if seen else None


def _flat(now: Snapshot) -> bool:
    out = now.output
    return out.activation in ("sigmoid", "tanh") and out.saturated >= SATURATED and out.gradient <= GRADIENT


def _finding(r: Readings, now: Snapshot, first: int) -> Finding:
    out, run = now.output, r.runs[0]
    when = "Before the first step" if now.step == 0 else f"After {now.step} steps"
    return Finding(
        cause="saturated-output",
        where=out.path or "output",
        evidence={
            "share of saturated outputs": out.saturated,
            "rms of what goes into it": out.rms,
            "gradient there, per input": out.gradient,
            "gradient norm over all weights": now.gradient_norm,
            "loss at the end": run.end_loss,
            "loss of the best constant answer": run.constant_loss,
            "first seen at step": float(first),
        },
        says=(
            f"{when} {share(out.saturated)} of the outputs lie on the flat part of the last {out.activation}: what "
            f"goes into it has an rms of {fmt(out.rms)}, the gradient that gets through is {fmt(out.gradient)} per "
            f"input, and the loss stands at {fmt(run.end_loss)} (a constant answer reaches {fmt(run.constant_loss)}). "
            "A wrong answer that is certain cannot be corrected through it. "
            "It does not mean that the learning rate is too low or that hidden units are dead. "
            "Start with smaller weights (He, Xavier), scale the inputs, or give the value before the "
            f"{out.activation} to a loss that has its own (BCEWithLogitsLoss)."
        ),
        weight=69.0,
    )


_FLAT = Snapshot(
    output=OutputReading(columns=1, activation="sigmoid", path="5", rms=80.0, saturated=0.98, gradient=1e-9)
)
_STALLED = (RunReading("stalled", end_loss=0.4, constant_loss=0.25, score=0.5, constant_score=0.5),)

RULE = Rule(
    cause="saturated-output",
    title="Saturated output",
    why=(
        "The slope of a sigmoid is p(1 - p) and of tanh 1 - a^2: at an input of 20 it is 2e-9. A loss on the squashed "
        "value sends its gradient through that slope."
    ),
    not_meant="Saturated outputs that are right are a finished training.",
    source="LeCun et al. 1998, section 4.4; thresholds as for saturated-softmax.",
    judge=judge,
    sick=(Readings(task="binary", loss=LossReading(family="mse"), start=_FLAT, runs=_STALLED),),
    healthy=(
        Readings(),
        Readings(task="binary", loss=LossReading(family="mse"), end=_FLAT),
        Readings(task="binary", start=replace(_FLAT, output=replace(_FLAT.output, gradient=0.3)), runs=_STALLED),
    ),
)
