"""Softmax has become certain, and squared error gives it no gradient to change its mind."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

# At a probability of 0.99 the softmax Jacobian p(1 - p) is 4% of its largest value; a gradient at the logits under 1e-3
# per input is 300 times under the 0.3 that a fresh ten-class network shows.
CERTAIN, GRADIENT = 0.99, 1e-3


def judge(r: Readings) -> Finding | None:
    """Fires where a softmax that feeds no logarithm is certain and its logits get no gradient while the loss stands."""
    if not r.fails or r.loss.family in ("cross-entropy", "nll", "nll-of-probabilities"):
        return None
    seen = [now for now in (r.start, r.early, r.end) if now is not None and _saturated(now)]
    return _finding(r, seen[-1], first=seen[0].step) if seen else None


def _saturated(now: Snapshot) -> bool:
    out = now.output
    ends_so = out.activation == "softmax" and out.columns > 1
    return ends_so and out.max_probability >= CERTAIN and out.gradient <= GRADIENT


def _finding(r: Readings, now: Snapshot, first: int) -> Finding:
    out, run = now.output, r.runs[0]
    same = out.same_class >= 0.9
    alike = (
        f"softmax gives {share(out.same_class)} of the inputs the same class"
        if same
        else "softmax is certain of its answer for every input, right or wrong"
    )
    dead = [layer.dead for layer in now.layers if layer.kind == "relu" and layer.dead == layer.dead]
    evidence: dict[str, float | str] = {
        "median top-2 logit gap": out.top2_gap,
        "median largest probability": out.max_probability,
        "share of inputs given the same class": out.same_class,
        "gradient norm over all weights": now.gradient_norm,
        "gradient at the logits, per input": out.gradient,
        "logit rms": out.rms,
        "median top-2 logit gap before training": r.start.output.top2_gap,
        "loss at the end": run.end_loss,
        "loss of the best constant answer": run.constant_loss,
        "measured at step": float(now.step),
        "first seen at step": float(first),
    }
    not_dead = ""
    if dead and max(dead) < 0.5:
        evidence["largest share of dead units in a layer"] = max(dead)
        not_dead = f" Nor is it dead units: at most {share(max(dead))} of a layer's."
    return Finding(
        cause="saturated-softmax",
        where=out.path or "output",
        evidence=evidence,
        says=(
            f"After {now.step} steps {alike}: the median gap between the two largest logits is {fmt(out.top2_gap)}, so "
            f"the softmax Jacobian vanishes, the gradient norm is {fmt(now.gradient_norm)} and the loss stands at "
            f"{fmt(run.end_loss)} (a constant answer reaches {fmt(run.constant_loss)}). "
            "It does not mean that gradient descent diverges: this loss is bounded, and a smaller learning rate makes "
            f"the logits no smaller.{not_dead} "
            "Try weights that keep the logits small (He's initializer), or cross-entropy on the logits, whose gradient "
            "does not vanish when softmax is wrong."
        ),
        weight=70.0,
    )


FROZEN = replace(
    Snapshot(),
    step=11200,
    loss=1.8,
    gradient_norm=4e-27,
    output=OutputReading(
        form="probabilities",
        activation="softmax",
        path="9",
        rms=900.0,
        top2_gap=800.0,
        max_probability=1.0,
        same_class=1.0,
        gradient=4e-27,
    ),
)

RULE = Rule(
    cause="saturated-softmax",
    title="Saturated softmax",
    why=(
        "With logits far apart softmax is 0 or 1 to within rounding and its Jacobian p(1 - p) underflows. A loss that "
        "compares probabilities (squared error) passes its gradient through that Jacobian, so a wrong answer that is "
        "certain cannot be corrected. Cross-entropy cancels the Jacobian."
    ),
    not_meant="Not a divergence (the loss is bounded) and not dead units; lowering the learning rate does not cure it.",
    source=(
        "Measured on digits, 64-[64]x4-10, weights U[-1, 1], squared error: frozen at 0.18 per output on every seed. "
        "Thresholds: p(1 - p) at p = 0.99 is 4% of its largest value."
    ),
    judge=judge,
    sick=(
        Readings(
            loss=replace(Readings().loss, family="mse"),
            end=FROZEN,
            runs=(RunReading(outcome="stalled", end_loss=1.8, constant_loss=0.9, score=0.1),),
        ),
    ),
    healthy=(
        Readings(),
        # Certain and right: training has ended well.
        Readings(loss=replace(Readings().loss, family="mse"), end=FROZEN),
    ),
)
