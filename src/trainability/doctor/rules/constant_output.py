"""Softmax over one unit is the constant 1."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where the model ends with a softmax (or log-softmax) over a single output."""
    out = r.start.output
    if out.columns != 1 or out.activation not in ("softmax", "log_softmax"):
        return None
    return Finding(
        cause="constant-output",
        where=out.path or "output",
        evidence={
            "outputs per input": float(out.columns),
            "smallest output": out.low,
            "largest output": out.high,
            "gradient norm over all weights": r.start.gradient_norm,
            "loss at the end": r.runs[0].end_loss,
        },
        says=(
            f"The model ends with a {out.activation} over one output, which is {fmt(out.low)} for every input and "
            f"every weight: softmax divides by the sum, and the sum of one is itself. The gradient norm is "
            f"{fmt(r.start.gradient_norm)}. It does not mean that the hidden layers have died. "
            "Use a sigmoid for one yes-or-no output (or none, with BCEWithLogitsLoss), or one output per class."
        ),
        weight=95.0,
    )


_ONE = replace(Snapshot(), output=OutputReading(columns=1, activation="softmax", low=1.0, high=1.0))

RULE = Rule(
    cause="constant-output",
    title="Softmax over one output",
    why="exp(z) / exp(z) = 1: the output does not depend on the weights and its gradient is 0.",
    not_meant="Two outputs with softmax are as good as one with sigmoid.",
    source="Follows from the definition.",
    judge=judge,
    sick=(Readings(start=_ONE, runs=(RunReading(outcome="stalled", score=0.5),)),),
    healthy=(Readings(), Readings(start=replace(_ONE, output=replace(_ONE.output, activation="sigmoid")))),
)
