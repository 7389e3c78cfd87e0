"""Steps longer than the loss's curvature allows."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import CurvatureReading, OptimizerReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# Above its limit a run may still settle in a flatter place (a catapult, up to about twice the limit for squared error),
# so a limit that is passed counts only together with a loss that rose, diverged, or units that died.
# A first step that changes the weights by half of their size leaves any region in which the gradient was valid.
PEAK, FAR, LEAP = 3.0, 3.0, 0.5


def judge(r: Readings) -> Finding | None:
    """Fires where runs fail and the first step leapt, or the loss rose or units died above the stability limit."""
    if not r.fails or r.optimizer.lr <= 0:
        return None
    run, curve = r.runs[0], r.curvature
    reference = max(run.start_loss, run.constant_loss if math.isfinite(run.constant_loss) else 0.0)
    rose = not run.peak_loss <= PEAK * reference
    died = _dead(r.end) - _dead(r.start) >= 0.5 or _dead(r.early) - _dead(r.start) >= 0.5
    limit = r.stable_lr
    over = r.optimizer.lr / limit if limit > 0 else math.nan
    leap = _first_step(r.start) >= LEAP and r.optimizer.normalised
    if r.diverged >= 1 / 3 or rose:
        if over == over and over < 0.5 and not leap:
            return None
    elif not leap and not (died and over > FAR):
        return None
    return _finding(r, run, curve, limit, over, rose)


def _first_step(start: Snapshot) -> float:
    """Median over matrices of the first step's size relative to the weights."""
    updates = [w.update for w in start.weights if w.is_matrix and w.update == w.update]
    return statistics.median(updates) if updates else 0.0


def _dead(now: Snapshot | None) -> float:
    return max((x.dead for x in now.layers if x.dead == x.dead), default=0.0) if now else 0.0


def _rule_name(opt: OptimizerReading) -> str:
    """The update rule that a limit is for: "SGD with momentum 0.9"."""
    return f"{opt.name} with momentum {opt.momentum:g}" if opt.momentum > 0 else opt.name


def _finding(
    r: Readings, run: RunReading, curve: CurvatureReading | None, limit: float, over: float, rose: bool
) -> Finding:
    opt = r.optimizer
    evidence: dict[str, float | str] = {
        "lr": opt.lr,
        "loss at the start": run.start_loss,
        "largest loss early on": run.peak_loss,
        "share of runs that diverged": r.diverged,
        "first step over the weights' size": _first_step(r.start),
        "optimizer": _rule_name(opt),
    }
    stated = "The largest stable lr could not be measured for this optimizer or model."
    if curve is not None and over == over:
        evidence |= {
            "stable lr": limit,
            "lr over stable lr": over,
            "sharpness": curve.sharpness,
            "relative residual of the sharpness": curve.residual,
        }
        kind = "preconditioned Hessian" if curve.preconditioned else "Hessian"
        sure = "" if curve.converged else f" (Lanczos not converged: relative residual {fmt(curve.residual)})"
        stated = (
            f"The {kind}'s largest eigenvalue at step {curve.step} is {fmt(curve.sharpness)} on the sample and "
            f"{fmt(curve.batch_sharpness)} on a mini-batch{sure}: the stable lr for {_rule_name(opt)} there is {fmt(limit)}, "
            f"and {fmt(opt.lr)} is {fmt(over)} times that."
        )
    seen = f"{share(r.diverged)} of the runs diverged" if r.diverged else "the runs failed"
    rise = f", and the loss rose from {fmt(run.start_loss)} to {fmt(run.peak_loss)} early on" if rose else ""
    return Finding(
        cause="lr-too-high",
        where="optimizer",
        evidence=evidence,
        says=(
            f"With lr {fmt(opt.lr)} {seen}{rise}. {stated} "
            "It does not mean that the network cannot learn this, nor that the limit stays where it is: unscaled data "
            "and large weights lower it, training moves it. "
            "Try a learning rate below the limit, scaled data, or a warm-up."
        ),
        weight=50.0 + (min(8.0, 3 * math.log10(max(over, 1.0))) if over == over else 0.0),
    )


_WILD = RunReading(outcome="diverged", peak_loss=1e6, score=math.nan)

RULE = Rule(
    cause="lr-too-high",
    title="Learning rate above the stability limit",
    why=(
        "Along a direction of curvature h gradient descent multiplies the error by 1 - lr h in every step; above "
        "lr = 2/h it grows. Momentum raises the limit to 2 (1 + beta)/h, Adam's is on the preconditioned curvature."
    ),
    not_meant="The limit holds at the point where it was measured, for the quadratic part of the loss there.",
    source="LeCun et al. 1998, section 4.6; Cohen et al. 2021 and 2022 (adaptive rules); limits: theory.stability.",
    judge=judge,
    sick=(
        Readings(runs=(_WILD,), optimizer=OptimizerReading(lrs=(0.5,)), curvature=CurvatureReading(stable_lr=6e-4)),
        Readings(runs=(_WILD,), curvature=None),
    ),
    healthy=(
        Readings(),
        Readings(optimizer=OptimizerReading(lrs=(0.5,)), curvature=CurvatureReading(stable_lr=0.1)),
        # The loss froze without ever rising: above the limit or not, that is something else.
        Readings(
            runs=(replace(_WILD, outcome="stalled", peak_loss=2.4, score=0.1),),
            optimizer=OptimizerReading(lrs=(0.5,)),
            curvature=CurvatureReading(stable_lr=0.1),
        ),
    ),
)
