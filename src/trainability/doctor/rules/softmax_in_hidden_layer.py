"""A softmax between two layers with weights."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import GraphReading, Readings, RunReading, WiringReading
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and the values of a softmax go straight into a layer with weights."""
    wiring = r.graph.wiring
    if not r.fails or not wiring.softmaxes:
        return None
    names = ", ".join(map(repr, wiring.softmaxes[:4])) + (", ..." if len(wiring.softmaxes) > 4 else "")
    units = max(wiring.units, 1)
    return Finding(
        cause="softmax-in-hidden-layer",
        where=", ".join(wiring.softmaxes[:4]),
        evidence={
            "softmaxes that feed a layer with weights": float(len(wiring.softmaxes)),
            "units that share a sum of 1": float(units),
            "mean of their values": 1 / units,
        },
        says=(
            f"{len(wiring.softmaxes)} softmax{'es' if len(wiring.softmaxes) > 1 else ''} ({names}) feed a layer with "
            f"weights. The {units} units behind one share a sum of 1: each carries about {fmt(1 / units)}, nearly the "
            "same for every input, and hands back a gradient smaller by about that factor. It does not mean the softmax "
            "of an attention, which weighs values, or of the output. Put a ReLU in its place."
        ),
        weight=67.0,
    )


_HIDDEN = GraphReading(wiring=WiringReading(("1", "3"), ("1", "3"), (0, 1), ("2", "4"), 64))
_FAILED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="softmax-in-hidden-layer",
    title="Softmax in a hidden layer",
    why="A softmax turns n units into n shares of 1; its derivative is of the order of 1/n, once for each layer.",
    not_meant="Attention weights and gates multiply values and do not feed a layer by themselves.",
    source="The softmax's derivative, diag(p) - p p'; at p = 1/n all its eigenvalues are 1/n or 0.",
    judge=judge,
    sick=(Readings(graph=_HIDDEN, runs=_FAILED),),
    healthy=(Readings(), Readings(graph=_HIDDEN), Readings(runs=_FAILED)),
)
