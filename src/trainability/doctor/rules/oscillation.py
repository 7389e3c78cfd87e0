"""Steps that go forth and back: the loss swings in place."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading, MotionReading, Readings, RunReading
from trainability.doctor.rules._rule import Rule, fmt, share

# Runs that learn read a cosine of 0.6 to 1 between successive gradients of one sample. At the edge of stability the loss
# still falls while single directions swing; it is the failing run, whose gradient turns as a whole, that is told.
TURN, SWING = -0.3, 0.02


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail without diverging, and successive gradients of one sample point against each other."""
    m = r.motion
    if m is None or not r.fails or r.diverged >= 1 / 3 or r.optimizer.lr <= 0:
        return None
    if not (m.turn <= TURN and m.swing >= SWING):
        return None
    run, limit = r.runs[0], r.stable_lr
    known = math.isfinite(limit) and 0 < limit <= 2 * r.optimizer.lr
    stated = (
        f" {r.optimizer.name} was stable at step {r.curvature.step} up to lr {fmt(limit)}; {fmt(r.optimizer.lr)} is "
        f"{fmt(r.optimizer.lr / limit)} times that."
        if known and r.curvature is not None
        else ""
    )
    return Finding(
        cause="oscillation",
        where="optimizer",
        evidence={
            "cosine between successive gradients": m.turn,
            "swing of the sample's loss over its mean": m.swing,
            "share of loss changes that turn round": m.sign_changes,
            "steps looked at": float(m.steps),
            "lr": r.optimizer.lr,
            "stable lr": limit,
            "loss at the end": run.end_loss,
        },
        says=(
            f"In the last {m.steps} steps the gradient of one fixed sample turned round in every step (median cosine "
            f"{fmt(m.turn)}) and its loss swung by {share(m.swing)} of its mean, around {fmt(m.loss)}: each step "
            f"overshoots and the next one comes back.{stated} "
            "It does not mean that the network has reached the best it can do. "
            "Try a learning rate three to ten times smaller, or one that falls during training."
        ),
        weight=49.0,
    )


_BACK = MotionReading(step=872, steps=8, turn=-0.9, swing=0.4, loss=1.9, sign_changes=1.0)
_STALLED = (RunReading("stalled", score=0.1),)

RULE = Rule(
    cause="oscillation",
    title="Steps go forth and back",
    why=(
        "Along a direction of curvature h a step multiplies the error by 1 - lr h: between 1/h and 2/h it changes "
        "sign every time, and above 2/h it grows until the loss's shape stops it."
    ),
    not_meant="A noisy mini-batch loss is not this: it is read on one fixed sample.",
    source="LeCun et al. 1998, section 4.6, figure 6 (overshooting). Threshold: cosines of learning runs; see above.",
    judge=judge,
    sick=(
        Readings(motion=_BACK, runs=_STALLED),
        Readings(motion=_BACK, runs=_STALLED, curvature=CurvatureReading(stable_lr=0.05)),
    ),
    healthy=(
        Readings(),
        Readings(motion=_BACK),
        Readings(motion=replace(_BACK, turn=0.4), runs=_STALLED),
        Readings(motion=None, runs=_STALLED),
        Readings(motion=replace(_BACK, swing=1e-5), runs=_STALLED),
    ),
)
