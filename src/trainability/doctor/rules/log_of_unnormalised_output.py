"""A log-likelihood of numbers that are no probabilities: the loss falls without the answers getting better."""

from __future__ import annotations

import math
from dataclasses import replace

from trainability.doctor.finding import Finding
from trainability.doctor.readings import AnswersReading, LossReading, OutputReading, Readings, RunReading, Snapshot
from trainability.doctor.rules._rule import Rule, fmt, share

READS_PROBABILITIES = ("bce", "nll-of-probabilities", "custom")
# By chance no answer of a network is cut; where a clipped logarithm meets raw values, a third to two thirds are.
CUT = 0.05


def judge(r: Readings) -> Finding | None:
    """Fires where outputs are not what a loss reads: no logarithm, no gradient, or no bound for them."""
    return _likelihood(r) or _measured(r)


def _measured(r: Readings) -> Finding | None:
    """Where runs fail: what the loss made of answers that this model can give."""
    a, out = r.answers, r.start.output
    if not r.fails or a is None or r.loss.family not in READS_PROBABILITIES or r.loss.factor < 0:
        return None
    flat = a.flat_end if math.isfinite(a.flat_end) else a.flat_start
    lost = any(not math.isfinite(x.end_loss) for x in r.runs)
    after = f"that the last {out.activation} allows" if out.activation else "of a last layer without an activation"
    if lost and a.undefined > 0:
        said = (
            f"Of 16 answers {after}, put among right ones, {share(a.undefined)} make the loss no number, such as "
            f"{fmt(a.undefined_at)}: it takes a logarithm, a root or a quotient that such an answer has none of. "
        )
        return _finding(r, said, "share of possible answers without a loss", a.undefined, 90.0)
    if flat >= CUT and out.activation in ("", "relu", "tanh") and a.right < a.constant - CUT * abs(a.constant):
        said = (
            f"{share(flat)} of the model's {a.n} answers are wrong and get a gradient of exactly 0 from the loss: they "
            f"lie outside the range that it reads, are cut to its edge, and stay there. They run from {fmt(out.low)} to "
            f"{fmt(out.high)} before the first step. "
        )
        return _finding(r, said, "share of wrong answers without a gradient", flat, 88.0)
    below = a.kept - 0.1 * abs(a.constant - a.kept)
    if (
        r.loss.family == "custom"
        and not out.activation
        and r.task != "regression"
        and a.kept_score >= 0.9
        and a.beyond < below
        and a.logits - a.lowest > 0.1 * (a.constant - a.lowest)
    ):
        many = "s" if out.columns > 1 else ""
        said = (
            f"For right answers between 0 and 1 the loss is {fmt(a.kept)}, and one number beyond them, given for every "
            f"sample, reaches {fmt(a.beyond)} (others {fmt(a.lowest)}, right ones written as logits {fmt(a.logits)}): "
            f"the loss reads probabilities and gets {out.columns} value{many} from {fmt(out.low)} to {fmt(out.high)}. "
        )
        return _finding(r, said, "loss of right answers between 0 and 1", a.kept, 88.0)
    return None


def _finding(r: Readings, said: str, what: str, value: float, weight: float) -> Finding:
    out, run = r.start.output, r.runs[0]
    ends = {"multi-class": "softmax", "regression": "Softplus (or exp)"}.get(r.task, "sigmoid")
    return Finding(
        cause="log-of-unnormalised-output",
        where=out.path or "output",
        evidence={
            what: value,
            "smallest output": out.low,
            "largest output": out.high,
            "loss at the start": run.start_loss,
            "loss at the end": run.end_loss,
            "score at the end": run.score,
        },
        says=(
            f"{said}The loss went from {fmt(run.start_loss)} to {fmt(run.end_loss)}. It does not mean that the hidden "
            f"layers are wrong. End with a {ends}, or use the form of the loss that takes raw values."
        ),
        weight=weight,
    )


def _likelihood(r: Readings) -> Finding | None:
    """NLLLoss without log-softmax, a logarithm without a softmax."""
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
_CUSTOM = LossReading(family="custom", factor=math.nan)
_STALLED = (RunReading("stalled", score=0.5),)
_ONE = Snapshot(output=OutputReading(columns=1))
_DICE = AnswersReading(
    right=-0.9, logits=1.5, constant=0.7, lowest=-23.0, lowest_score=1.0, kept=0.0, kept_score=1.0, beyond=-5.0
)

RULE = Rule(
    cause="log-of-unnormalised-output",
    title="Loss of unnormalised outputs",
    why=(
        "Minus a log-probability is bounded below by 0 only where the probabilities sum to 1; a number below 0 has no "
        "logarithm, and one that is cut has no gradient."
    ),
    not_meant="A negative loss is right for densities (a Gaussian's log-likelihood), whose values may exceed 1.",
    source="torch.nn.NLLLoss: 'the input ... is expected to contain log-probabilities of each class'. "
    "The share of 5%: chosen, see the comment.",
    judge=judge,
    sick=(
        Readings(loss=_NLL, runs=_FALLING),
        Readings(loss=_NLL, start=Snapshot(output=OutputReading(form="probabilities"))),
        Readings(loss=replace(_NLL, family="nll-of-probabilities"), runs=(RunReading("diverged", score=0.1),)),
        Readings(
            task="regression",
            loss=_CUSTOM,
            answers=AnswersReading(undefined=0.5, undefined_at=-1.0),
            runs=(RunReading("diverged", end_loss=math.nan, score=math.nan),),
        ),
        Readings(
            task="binary",
            loss=replace(_CUSTOM, family="bce"),
            start=_ONE,
            answers=AnswersReading(flat_start=0.7, flat_end=0.4),
            runs=_STALLED,
        ),
        Readings(task="binary", loss=_CUSTOM, start=_ONE, answers=_DICE, runs=_STALLED),
    ),
    healthy=(
        Readings(),
        Readings(loss=_CUSTOM, answers=AnswersReading(), runs=_STALLED),
        Readings(task="binary", loss=_CUSTOM, start=_ONE, answers=_DICE),
        Readings(task="binary", loss=_CUSTOM, start=_ONE, answers=replace(_DICE, logits=-23.0), runs=_STALLED),
        Readings(task="binary", loss=_CUSTOM, start=_ONE, answers=AnswersReading(flat_end=0.0, flat_start=0.7)),
        Readings(loss=_CUSTOM, answers=AnswersReading(undefined=0.5), runs=_STALLED),
        Readings(loss=_NLL, start=Snapshot(output=OutputReading(form="log-probabilities"))),
        Readings(
            loss=replace(_NLL, family="nll-of-probabilities"),
            start=Snapshot(output=OutputReading(form="probabilities")),
        ),
    ),
)
