"""The loss is summed over the mini-batch, and the learning rate was chosen for the mean."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading, LossReading, OptimizerReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, the loss grows with the batch, and its mean would be below the stability limit."""
    opt, curve = r.optimizer, r.curvature
    if not r.fails or not r.loss.sums or opt.normalised or curve is None or opt.batch_size < 2:
        return None
    limit = curve.batch_stable_lr
    if not 0 < limit < opt.lr or not opt.lr <= limit * opt.batch_size:
        return None
    lost = (
        f"{r.runs[0].end_loss / opt.batch_size:.3g}" if r.runs and math.isfinite(r.runs[0].end_loss) else "not finite"
    )
    return Finding(
        cause="reduction-by-sum",
        where="loss_fn",
        evidence={
            "lr": opt.lr,
            "stable lr for the sum": limit,
            "stable lr for the mean": limit * opt.batch_size,
            "batch size": float(opt.batch_size),
            "loss per sample at the end": lost,
        },
        says=(
            f"The loss doubles when the mini-batch does: it sums over {opt.batch_size} samples, so every step is "
            f"{opt.batch_size} times as long as with the mean. For the sum {opt.name} is stable up to lr {fmt(limit)}, "
            f"for the mean up to {fmt(limit * opt.batch_size)}, and lr is {fmt(opt.lr)}: too high for one and not for "
            "the other. It does not mean that a sum is wrong, only that the learning rate belongs to the batch size "
            "then. Use reduction='mean', or divide the learning rate by the batch size."
        ),
        weight=62.0,
    )


_LOST = (RunReading(outcome="diverged", peak_loss=1e6, score=math.nan),)
_SUM = LossReading(sums=True, factor=32.0)
_STEEP = CurvatureReading(stable_lr=0.01, batch_stable_lr=0.01)

RULE = Rule(
    cause="reduction-by-sum",
    title="Loss summed over the mini-batch",
    why="The gradient of a sum is the batch size times that of the mean, and so is its curvature.",
    not_meant="Adam and its kin divide the gradient's size out; there a sum does no harm.",
    source="Follows from linearity; limits: theory.stability.",
    judge=judge,
    sick=(Readings(loss=_SUM, runs=_LOST, curvature=_STEEP),),
    healthy=(
        Readings(),
        Readings(loss=_SUM),
        Readings(loss=replace(_SUM, sums=False), runs=_LOST, curvature=_STEEP),
        Readings(loss=_SUM, runs=_LOST, curvature=_STEEP, optimizer=OptimizerReading(lrs=(5.0,))),
        Readings(loss=_SUM, runs=_LOST, curvature=_STEEP, optimizer=OptimizerReading("Adam", normalised=True)),
    ),
)
