"""Most weights are frozen, and what is left cannot learn the task."""

from __future__ import annotations

import math

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OptimizerReading, Readings, RunReading, Snapshot, WeightReading
from trainability.doctor.rules._rule import Rule, share

MOST = 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, something is trainable, and more than half of all numbers in weights are frozen."""
    if not r.fails or not r.optimizer.trainable:
        return None
    sizes = {w.name: math.prod(w.shape) for w in r.start.weights}
    total = sum(sizes.values())
    frozen = [w.name for w in r.start.weights if not w.trainable]
    part = sum(sizes[name] for name in frozen) / total if total else 0.0
    if not part > MOST:
        return None
    fresh = [w.name for w in r.start.weights if w.name in frozen and w.is_matrix and w.matches is not None]
    untrained = len(fresh) > MOST * sum(w.name in frozen and w.is_matrix for w in r.start.weights)
    names = ", ".join(frozen[:4]) + (", ..." if len(frozen) > 4 else "")
    return Finding(
        cause="frozen-parameters",
        where=names,
        evidence={
            "parameter tensors frozen": float(len(frozen)),
            "parameter tensors": float(len(sizes)),
            "share of all numbers frozen": part,
            "frozen matrices that look freshly drawn": float(len(fresh)),
        },
        says=(
            f"{len(frozen)} of {len(sizes)} parameter tensors, {share(part)} of all numbers, have requires_grad=False "
            f"({names}), and what may still move does not learn the task. {len(fresh)} frozen matrices look like fresh "
            "draws of an initializer: such weights were hardly ever trained. It does not mean that freezing is wrong: "
            "a pretrained backbone under a new head trains well. Weights that were never trained have to be unfrozen: "
            "model.requires_grad_(True), before the optimizer is built."
        ),
        severity="warning",
        weight=68.0 if untrained else 52.0,
    )


_FROZEN = Snapshot(
    weights=(WeightReading("0.weight", (64, 64), trainable=False), WeightReading("2.weight", (10, 64))),
)

RULE = Rule(
    cause="frozen-parameters",
    title="Most parameters frozen",
    why="What is frozen at random values passes on random features; only the rest can learn.",
    not_meant="A frozen backbone in a network that trains is not this.",
    source="torch.Tensor.requires_grad. The halves are a convention: runs have to fail as well.",
    judge=judge,
    sick=(Readings(start=_FROZEN, optimizer=OptimizerReading(trainable=1), runs=(RunReading("stalled", score=0.1),)),),
    healthy=(Readings(), Readings(start=_FROZEN, optimizer=OptimizerReading(trainable=1))),
)
