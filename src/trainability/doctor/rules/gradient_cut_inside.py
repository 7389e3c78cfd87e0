"""The gradient is not the loss's: the graph is cut on some of the ways and not on all."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CutReading, GraphReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, share

WRONG = 0.1


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and autograd's gradient differs from the loss's derivatives, inside the model."""
    cut = r.graph.cut
    if not r.fails or not cut.tensors or not cut.error > WRONG or cut.in_loss:
        return None
    names = ", ".join(cut.tensors[:4]) + (", ..." if len(cut.tensors) > 4 else "")
    at = (
        f" In one pass {cut.calls} tensor{'s were' if cut.calls > 1 else ' was'} taken out of the graph, first in "
        f"{cut.line}."
        if cut.calls and cut.line
        else ""
    )
    return Finding(
        cause="gradient-cut-inside",
        where=cut.line or names,
        evidence={
            "tensors compared": float(cut.checked),
            "tensors with another gradient": float(len(cut.tensors)),
            "largest difference over the derivative": cut.error,
            "taken out of the graph in one pass": float(cut.calls),
        },
        says=(
            f"For {len(cut.tensors)} of {cut.checked} tensors ({names}) autograd's gradient is not the derivative of the "
            f"loss: up to {share(min(cut.error, 99.0))} of what central differences find is missing or added. A gradient "
            f"arrives, but on some ways only: the path is cut by .detach(), .data, torch.no_grad() or NumPy.{at} It does "
            "not mean that the gradient is small, and a gradient that is changed on purpose (a straight-through estimate, "
            "a stopped target) reads the same. Let the state or feature keep its history."
        ),
        severity="critical" if at else "warning",
        weight=48.0,
    )


_CUT = GraphReading(
    cut=CutReading(tensors=("cell.weight_hh",), error=0.6, checked=6, calls=11, line="net.py, line 8: h = h.detach()")
)
_FAILED = (RunReading("learning", end_loss=1.7, score=0.2),)

RULE = Rule(
    cause="gradient-cut-inside",
    title="The gradient is cut inside the model",
    why="Descent along a gradient that leaves out some of the loss's ways cannot learn what runs along them.",
    not_meant="Straight-through estimates, stopped targets and truncated time, in networks that train, are not this.",
    source="Central differences in double precision, along random directions; a tenth: rounding and kinks give 1e-6.",
    judge=judge,
    sick=(Readings(graph=_CUT, runs=_FAILED),),
    healthy=(
        Readings(),
        Readings(graph=_CUT),
        Readings(graph=GraphReading(cut=CutReading(tensors=("w",), error=0.6, checked=6, in_loss=True)), runs=_FAILED),
        Readings(graph=GraphReading(cut=CutReading(error=1e-7)), runs=_FAILED),
    ),
)
