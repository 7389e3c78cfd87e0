"""The model answers every input alike."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.watch.alarms._alarm import Alarm
from trainability.watch.state import Dead, State

# A last layer that starts at 0 answers alike before the first step, and not after it.
LOOKS, STEPS, DEAD = 3, 50, 0.9


def judge(s: State) -> Finding | None:
    """Fires where, after fifty steps, three looks in a row saw one answer for inputs that differ."""
    if s.same < LOOKS or s.step < STEPS or not s.last.lr > 0 or s.nonfinite:
        return None
    if any(d.inputs and d.share >= DEAD for d in s.dead):  # that is why, and has a name
        return None
    return Finding(
        cause="same-answer",
        where="output",
        evidence={
            "looks in a row": float(s.same),
            "inputs in them": float(s.same_inputs),
            "gradient norm over all weights": s.last.gradient_norm,
            "median update over the weights' size": s.last.update,
            "step": float(s.step),
        },
        says=(
            f"At step {s.step}, as in the {s.same} last looks, the model gave the very same answer to every input of the "
            f"batch ({s.same_inputs} inputs in all, which differ): nothing of the input arrives at the output. "
            "It does not mean that the data hold nothing to learn. Look for the first layer whose output does not differ "
            "between inputs: units that are off for all of them, weights of 0, a softmax over one output."
        ),
        weight=46.0,
    )


_ALIKE = State(step=243, outcome="stalled", same=6, same_inputs=192)

ALARM = Alarm(
    cause="same-answer",
    judge=judge,
    sick=(_ALIKE, replace(_ALIKE, outcome=None)),
    healthy=(
        State(),
        replace(_ALIKE, step=9),
        replace(_ALIKE, same=1),
        replace(_ALIKE, dead=(Dead("1", 64, 1.0, 1.0, 192),)),
    ),
)
