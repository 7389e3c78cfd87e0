"""A learning rate that the whole data allow and single mini-batches do not."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading, MotionReading, OptimizerReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt

# Half of the sample's limit is well inside it. Steps add up in mean square, which sharp mini-batches dominate: with one
# sample of a linear model a step stops shrinking the error at half of what the typical sample allows.
INSIDE, NEAR, SHARPER = 0.5, 0.5, 2.0


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail, and lr is well below the sample's limit and not below half of a mini-batch's."""
    c, opt = r.curvature, r.optimizer
    if not r.fails or c is None or opt.lr <= 0 or not (c.stable_lr > 0 and c.batch_stable_lr > 0):
        return None
    if not (
        c.batch_sharpness >= SHARPER * c.sharpness > 0 and NEAR * c.batch_stable_lr <= opt.lr <= INSIDE * c.stable_lr
    ):
        return None
    noise = r.motion.noise_scale if r.motion else math.nan
    said = (
        f" The gradient's noise scale is {fmt(noise)} samples: in a batch of {opt.batch_size} there is more noise than "
        "gradient."
        if noise > opt.batch_size
        else ""
    )
    run = r.runs[0]
    return Finding(
        cause="batch-too-small-for-lr",
        where="batch_size",
        evidence={
            "batch size": float(opt.batch_size),
            "lr": opt.lr,
            "stable lr on the sample": c.stable_lr,
            "stable lr on one mini-batch": c.batch_stable_lr,
            "sharpness on the sample": c.sharpness,
            "sharpness on a mini-batch": c.batch_sharpness,
            "gradient noise scale": noise,
            "loss at the end": run.end_loss,
        },
        says=(
            f"With a batch size of {opt.batch_size} and lr {fmt(opt.lr)} the runs failed. At step {c.step} the whole "
            f"sample would allow {opt.name} an lr up to {fmt(c.stable_lr)}, but a typical mini-batch is "
            f"{fmt(c.batch_sharpness / c.sharpness)} times as sharp and allows {fmt(c.batch_stable_lr)}: each step "
            f"overshoots for its own few samples and undoes what the others learned.{said} "
            "It does not mean that the learning rate is too high for the problem. "
            "Use a larger batch, or lower the learning rate below the mini-batch's limit."
        ),
        weight=59.0,
    )


_NOISY = CurvatureReading(sharpness=4.0, batch_sharpness=60.0, stable_lr=0.5, batch_stable_lr=0.033)
_ONE = OptimizerReading(lrs=(0.1,), batch_size=1)
_FAILED = (RunReading("stalled", peak_loss=9.0, score=0.2),)

RULE = Rule(
    cause="batch-too-small-for-lr",
    title="Batch too small for the learning rate",
    why=(
        "A step sees the curvature of its own mini-batch. One sample's loss is sharper along its own gradient than the "
        "mean over many, so that a smaller batch allows a smaller step."
    ),
    not_meant="Small batches are fine with a learning rate that fits them.",
    source="McCandlish and others 2018, arXiv 1812.06162, section 2 (noise scale). Thresholds: chosen; see above.",
    judge=judge,
    sick=(
        Readings(curvature=_NOISY, optimizer=_ONE, runs=_FAILED, motion=MotionReading(noise_scale=500.0)),
        Readings(curvature=_NOISY, optimizer=_ONE, runs=_FAILED),
    ),
    healthy=(
        Readings(),
        Readings(curvature=_NOISY, optimizer=_ONE),
        Readings(curvature=_NOISY, optimizer=replace(_ONE, lrs=(0.01,)), runs=_FAILED),
        Readings(curvature=_NOISY, optimizer=replace(_ONE, lrs=(5.0,)), runs=_FAILED),
    ),
)
