"""A log-likelihood of numbers that are no probabilities: the loss falls without the answers getting better."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt


def judge(r: Readings) -> Finding | None:
    """Fires where a likelihood's input is not normalised: NLLLoss without log-softmax, a log without a softmax."""
    out, family = r.start.output, r.loss.family
    if out.columns < 2 or r.loss.factor < 0:
        return None
    run = r.runs[0]
    if family == "nll" and out.form == "log-probabilities":
        return None
    if family == "nll" and out.form in ("probabilities", "independent-probabilities"):
        what = (
            f"The loss is NLLLoss, which takes log-probabilities, and the model gives probabilities in "
            f"[{fmt(out.low)}, {fmt(out.high)}]: the loss is minus the probability of the right class, never below -1, "
            "and its gradient is smallest where the answer is most wrong. "
        )
        weight = 88.0 if r.fails else 50.0
    elif family == "nll":
        what = (
            f"The loss is NLLLoss, which takes log-probabilities, and the model gives {out.columns} values from "
            f"{fmt(out.low)} to {fmt(out.high)} that are not normalised: the loss is minus the right class's value, "
            "which has no lower end. It falls for ever as all values grow, whether or not the right one is the "
            "largest. "
        )
        weight = 93.0
    elif family == "nll-of-probabilities" and out.form == "values":
        what = (
            f"The loss takes the logarithm of the outputs, and they are {out.columns} values from {fmt(out.low)} to "
            f"{fmt(out.high)} that do not sum to 1: a negative one has no logarithm, and the loss falls without end "
            "as all of them grow. "
        )
        weight = 93.0
    else:
        return None
    return Finding(
        cause="log-of-unnormalised-output",
        where="loss_fn",
        evidence={
            "outputs": float(out.columns),
            "smallest output": out.low,
            "largest output": out.high,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "score at the end": run.score,
        },
        says=(
            f"{what}It went from {fmt(run.start_loss)} to {fmt(run.end_loss)}, with a score of {fmt(run.score)}; a "
            f"cross-entropy starts near ln {out.columns} = {fmt(math.log(out.columns))} and ends above 0. "
            "It does not mean that the network is wrong. "
            "Use CrossEntropyLoss on the values as they are, or end with log_softmax."
        ),
        severity="critical" if weight > 50 else "warning",
        weight=weight,
    )


_NLL = LossReading(family="nll", bounded=False)
_FALLING = (RunReading("trained", start_loss=0.02, constant_loss=math.nan, target=math.nan, end_loss=-9e5, score=0.3),)

RULE = Rule(
    cause="log-of-unnormalised-output",
    title="Likelihood of unnormalised outputs",
    why="Minus a log-probability is bounded below by 0 only where the probabilities sum to 1.",
    not_meant="A negative loss is right for densities (a Gaussian's log-likelihood), whose values may exceed 1.",
    source="torch.nn.NLLLoss: 'the input ... is expected to contain log-probabilities of each class'.",
    judge=judge,
    sick=(
        Readings(loss=_NLL, runs=_FALLING),
        Readings(loss=_NLL, start=Snapshot(output=OutputReading(form="probabilities"))),
        Readings(loss=replace(_NLL, family="nll-of-probabilities"), runs=(RunReading("diverged", score=0.1),)),
    ),
    healthy=(
        Readings(),
        Readings(loss=_NLL, start=Snapshot(output=OutputReading(form="log-probabilities"))),
        Readings(
            loss=replace(_NLL, family="nll-of-probabilities"),
            start=Snapshot(output=OutputReading(form="probabilities")),
        ),
    ),
)
