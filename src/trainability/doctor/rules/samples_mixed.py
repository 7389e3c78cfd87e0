"""The answer to one sample depends on the others in its batch."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import GraphReading, MixingReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

CHANGED = 0.001


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and exchanging other samples changes an answer, in eval mode, by more than batch statistics."""
    mix = r.graph.mixing
    if not r.fails or not mix.change > CHANGED or ("Norm" in mix.kind and not mix.swapped):
        return None
    names = ", ".join(mix.swapped[:4]) + (", ..." if len(mix.swapped) > 4 else "")
    first = f", at {mix.module!r} ({mix.kind}) or before it" if mix.kind else ""
    if mix.swapped:
        why = (
            f"{names} got the batch where time is expected: without batch_first=True the first dimension is time, so "
            "that each sample is a time step of one long sequence. Give it batch_first=True, or (time, batch, features)."
        )
    else:
        why = (
            "A reshape or view, a softmax, a mean or an attention over the batch dimension does that. Let every "
            "operation keep dimension 0 to itself."
        )
    return Finding(
        cause="samples-mixed-in-batch",
        where=names or mix.module or "model",
        evidence={
            "change over the outputs' spread": mix.change,
            "samples in the batch": float(mix.samples),
            "layers that take the batch for time": float(len(mix.swapped)),
        },
        says=(
            f"In eval mode, with half of a batch of {mix.samples} samples exchanged, the answers to the other half change "
            f"by {fmt(mix.change)} of the outputs' spread{first}: they are not answers to their own sample alone. "
            f"It does not mean batch normalisation, which keeps to its running values here. {why}"
        ),
        severity="critical" if mix.swapped else "warning",
        weight=88.0 if mix.swapped else 60.5,
    )


_SWAPPED = GraphReading(mixing=MixingReading(0.19, 14, "lstm", "LSTM", ("lstm",)))
_FAILED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="samples-mixed-in-batch",
    title="Samples of a batch are mixed",
    why="A network that answers one sample by the others learns what their order happens to be, which is noise.",
    not_meant="A model that compares the samples of a batch on purpose, and trains, is not this.",
    source="torch.nn.LSTM, argument batch_first. A thousandth: rounding that depends on the batch is below 1e-5.",
    judge=judge,
    sick=(
        Readings(graph=_SWAPPED, runs=_FAILED),
        Readings(graph=GraphReading(mixing=MixingReading(0.5, 14, "2", "Softmax")), runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(graph=_SWAPPED),
        Readings(graph=GraphReading(mixing=MixingReading(1e-6, 14)), runs=_FAILED),
        Readings(graph=GraphReading(mixing=MixingReading(0.5, 14, "2", "BatchNorm1d")), runs=_FAILED),
    ),
)
