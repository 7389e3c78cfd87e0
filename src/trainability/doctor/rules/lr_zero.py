"""A learning rate of zero."""

from __future__ import annotations

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OptimizerReading, Readings
from trainability.doctor.rules._rule import Rule


def judge(r: Readings) -> Finding | None:
    """Fires where every parameter group has lr 0."""
    lrs = r.optimizer.lrs
    if not lrs or any(lr != 0 for lr in lrs):
        return None
    return Finding(
        cause="lr-zero",
        where="optimizer",
        evidence={"lr": 0.0, "parameter groups": float(len(lrs)), "optimizer": r.optimizer.name},
        says=(
            f"{r.optimizer.name} has a learning rate of 0 in all of its {len(lrs)} parameter groups: no step changes "
            "any weight. It does not mean that the gradient is 0. Set a learning rate."
        ),
        weight=1000.0,
    )


RULE = Rule(
    cause="lr-zero",
    title="Learning rate zero",
    why="A step is the learning rate times a direction.",
    not_meant="A schedule that starts at 0 and warms up is not this.",
    source="Follows from the update rule.",
    judge=judge,
    sick=(Readings(optimizer=OptimizerReading(lrs=(0.0,))),),
    healthy=(Readings(), Readings(optimizer=OptimizerReading(lrs=(0.0, 0.1)))),
)
