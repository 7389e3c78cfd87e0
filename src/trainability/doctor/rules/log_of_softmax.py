"""A logarithm is taken of probabilities that underflow to 0."""

from __future__ import annotations

from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share


def judge(r: Readings) -> Finding | None:
    """Fires where runs diverge under a cross-entropy written as the logarithm of a softmax's or sigmoid's output."""
    out = r.start.output
    if r.diverged < 1 / 3 or r.loss.family != "nll-of-probabilities" or out.activation not in ("softmax", "sigmoid"):
        return None
    return Finding(
        cause="log-of-softmax",
        where="loss_fn",
        evidence={
            "share of runs that diverged": r.diverged,
            "logit rms before training": out.rms,
            "smallest probability before training": out.low,
            "loss at the start": r.runs[0].start_loss,
        },
        says=(
            f"The loss takes the logarithm of the {out.activation}'s output. In float32 a probability under 1e-45 is 0 "
            f"and its logarithm -infinity; before training the smallest is {fmt(out.low)}, the logits' rms is "
            f"{fmt(out.rms)}, and {share(r.diverged)} of the runs became infinite or NaN. "
            "It does not mean that cross-entropy is wrong here. "
            "Give the logits to CrossEntropyLoss, which never forms the probability."
        ),
        weight=63.0,
    )


_LOG = LossReading(family="nll-of-probabilities")
_SOFTMAX = replace(Snapshot(), output=OutputReading(activation="softmax", form="probabilities", low=0.0, rms=60.0))

RULE = Rule(
    cause="log-of-softmax",
    title="Logarithm of a softmax",
    why="log(softmax(z)) is finite for every finite z, but not when softmax is rounded first: 0 has no logarithm.",
    not_meant="With moderate logits the two forms agree.",
    source="torch.nn.LogSoftmax and CrossEntropyLoss use log-sum-exp for this reason.",
    judge=judge,
    sick=(Readings(loss=_LOG, start=_SOFTMAX, runs=(RunReading("diverged", score=0.1),)),),
    healthy=(Readings(), Readings(loss=_LOG, start=_SOFTMAX)),
)
