"""No path leads from the loss back to some of the trainable weights."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import NAN, LoopReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, share

SOME = 0.1


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and more than a tenth of the trainable numbers never get a gradient, while others do."""
    trainable = [w for w in r.start.weights if w.trainable]
    if not r.fails or not trainable or not r.loss.differentiable or r.graph.bad_gradient.tensors:
        return None
    if r.loop is not None and r.loop.reaching:
        silent = [w for w in trainable if w.name in r.loop.silent]
    else:
        silent = [w for w in trainable if math.isnan(w.gradient)]
    if not silent or len(silent) == len(trainable) or not math.isfinite(r.start.loss):
        return None
    part = sum(math.prod(w.shape) for w in silent) / max(sum(math.prod(w.shape) for w in trainable), 1)
    if not part > SOME:
        return None
    names = ", ".join(w.name for w in silent[:4]) + (", ..." if len(silent) > 4 else "")
    return Finding(
        cause="gradient-never-arrives",
        where=names,
        evidence={
            "trainable tensors": float(len(trainable)),
            "without a gradient": float(len(silent)),
            "share of all trainable numbers": part,
        },
        says=(
            f"{len(silent)} of {len(trainable)} trainable tensors ({names}), {share(part)} of all trainable numbers, "
            "get no gradient at all: the loss does not depend on them by operations that autograd records. Either they "
            "are not used, or the path is cut after them: .detach(), .data, torch.no_grad(), NumPy, argmax. It does "
            "not mean a gradient of 0, which dead units give. Let the loss be computed through them."
        ),
        severity="warning",
        weight=66.0,
    )


_CUT = Snapshot(weights=(WeightReading("0.weight", (64, 64), gradient=NAN), WeightReading("2.weight", (10, 64))))
_FAILED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="gradient-never-arrives",
    title="No gradient reaches some parameters",
    why="A gradient follows recorded operations; what lies behind a cut keeps its first values.",
    not_meant="Parameters that a task does not use (a pooler, a second head) in a network that trains are not this.",
    source="torch.autograd mechanics: .grad stays None. The tenth is a convention: runs have to fail as well.",
    judge=judge,
    sick=(
        Readings(start=_CUT, runs=_FAILED),
        Readings(
            start=Snapshot(weights=(WeightReading("0.weight", (64, 64)), WeightReading("2.weight", (10, 64)))),
            loop=LoopReading(silent=("0.weight",)),
            runs=_FAILED,
        ),
    ),
    healthy=(
        Readings(),
        Readings(start=_CUT),
        Readings(start=Snapshot(weights=(WeightReading("0.weight", (64, 64)),)), runs=_FAILED),
    ),
)
