"""Shorter steps: below the measured limit, or by tens."""

from __future__ import annotations

from collections.abc import Iterator

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OptimizerReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._lr import lr_lines, nice, scale_lr

ANSWERS = (
    "lr-too-high",
    "exploding-gradient",
    "exploding-activation",
    "dying-relu",
    "initial-scale-too-large",
    "saturated-softmax",
    "oscillation",
    "batch-too-small-for-lr",
    "rank-collapse",
)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Half the stable learning rate where it is known and lower, then a tenth, a hundredth, a thousandth of the lr."""
    lr = r.optimizer.lr
    if not lr > 0:
        return
    wanted: list[float] = []
    limit = r.stable_lr
    if limit == limit and 0 < limit < lr:
        wanted.append(nice(limit / 2))
    wanted += [lr / 10, lr / 100]
    if finding.cause == "lr-too-high":
        wanted.append(lr / 1000)
    for new in dict.fromkeys(float(f"{value:.3g}") for value in wanted):
        yield lower(r.optimizer, new)


def lower(optimizer: OptimizerReading, new: float) -> Change:
    """The change of the largest learning rate to `new`, all groups in proportion."""
    lr = optimizer.lr
    return Change(
        name=f"lr-{new:g}",
        family="lower-lr",
        summary=f"Lower the learning rate from {lr:g} to {new:g}",
        code=lr_lines(optimizer, new),
        size=0.5,
        answers=("lr-too-high", "oscillation"),
        touches=("optimizer",),
        transform=lambda setup, generator: scale_lr(setup, new / lr),
    )


REMEDY = Prescription("lower-lr", ANSWERS, propose)
