"""A ReLU whose weight shrinks towards zero from the wrong side and cannot cross."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LayerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt

# The output's mean square fell by a thousand while units are alive: a few time constants of w <- w (1 - lr c).
SHRUNK, DEAD = 1e-3, 0.9


def judge(r: Readings) -> Finding | None:
    """Fires where runs stall, and a ReLU layer's output shrank to nothing although its units are not dead."""
    if r.stalled < 1 / 3 or r.end is None:
        return None
    before = {x.name: x for x in r.start.layers if x.kind == "relu"}
    for now in r.end.layers:
        then = before.get(now.name)
        if then is None or now.kind != "relu" or not then.mean_square > 0 or now.dead >= DEAD:
            continue
        if now.mean_square <= SHRUNK * then.mean_square:
            return _finding(r, then, now)
    return None


def _finding(r: Readings, then: LayerReading, now: LayerReading) -> Finding:
    return Finding(
        cause="relu-cannot-cross",
        where=now.name,
        evidence={
            "output rms before training": then.rms,
            "output rms at the end": now.rms,
            "share of dead units": now.dead,
            "lr": r.optimizer.lr,
            "loss at the end": r.runs[0].end_loss,
            "loss of the best constant answer": r.runs[0].constant_loss,
        },
        says=(
            f"The output of {now.name} shrank from {fmt(then.rms)} to {fmt(now.rms)} (rms) in {r.optimizer.steps} "
            f"steps with {fmt(100 * now.dead)}% of its units dead: the weights came down to 0 and stay there. On the "
            "wrong side of 0 the gradient is proportional to the weight itself, so that each step takes a fixed share "
            "of what is left and none crosses. It does not mean that 0 is a minimum: on the other side the loss falls. "
            "Try momentum, which crosses where sqrt(lr x curvature) > 1 - sqrt(beta), Adam, or weights that start on "
            "both sides."
        ),
        weight=50.0,
    )


def _relu(mean_square: float, dead: float = 0.0) -> Snapshot:
    return Snapshot(step=500, layers=(LayerReading("relu", "relu", "activation", 1, mean_square, dead=dead),))


_STALLED = (RunReading("stalled", end_loss=0.5, constant_loss=0.34, score=-0.4, constant_score=0.0),)

RULE = Rule(
    cause="relu-cannot-cross",
    title="ReLU that cannot cross zero",
    why=(
        "For one ReLU with weight w < 0 and a teacher with weight 1 the gradient is w times a constant: a step "
        "multiplies w by 1 - lr c in every step, which stays negative unless lr c > 1."
    ),
    not_meant="In more than one dimension the weight turns instead of crossing, and such a start is no trap.",
    source="Population gradient of one ReLU, Tian 2017 (arXiv 1703.00560), equation 6 with d = 1. Threshold: chosen.",
    judge=judge,
    sick=(Readings(task="regression", start=replace(_relu(0.5), step=0), end=_relu(2e-5), runs=_STALLED),),
    healthy=(
        Readings(),
        Readings(task="regression", start=_relu(0.5), end=_relu(0.4), runs=_STALLED),
        Readings(task="regression", start=_relu(0.5), end=_relu(0.0, dead=1.0), runs=_STALLED),
        Readings(start=_relu(0.5), end=_relu(2e-5)),
    ),
)
