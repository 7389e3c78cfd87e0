"""The model's answers: how large, how sure, and how alike for different inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.doctor.probes.activations import FLAT, SMOOTH
from trainability.doctor.probes.recorder import Call
from trainability.doctor.readings import NAN, OutputReading
from trainability.measures.agreement import median_max_probability, same_class_share, top2_gap
from trainability.measures.saturation import saturated_share
from trainability.measures.units import dead_share
from trainability.setup.facts import Facts
from trainability.setup.output_form import output_form


def output_reading(
    output: Tensor, ending: Call | None, calls: int, at_output: list[Tensor], facts: Facts
) -> OutputReading:
    """Read a batch of outputs.

    Args:
        output: (n, ...), with finite or non-finite values.
        ending: the activation that the model ends with, if it does.
        calls: how often an activation of that kind was called.
        at_output: the loss's gradient at the output, if there was one.
        facts: of the Setup.

    Returns:
        OutputReading.
    """
    answers = output.detach()
    logits = (ending.inputs if ending else answers).detach().double()
    wide = answers.ndim > 1 and answers.shape[1] > 1
    classify = facts.task == "multi-class" and wide
    form = output_form(answers)
    probabilities = form in ("probabilities", "independent-probabilities") and classify
    single = facts.task == "binary"
    finite = bool(torch.isfinite(answers).all())
    gap = NAN
    if classify and finite:
        gap = top2_gap(logits)
    return OutputReading(
        columns=answers.shape[1] if answers.ndim > 1 else 1,
        form=form,
        activation=ending.kind if ending else "",
        path=ending.path if ending and ending.is_module else "",
        calls=calls,
        reused="#" in ending.name if ending else False,
        rms=float(logits.square().mean().sqrt()) if finite else NAN,
        low=float(answers.min()) if finite else NAN,
        high=float(answers.max()) if finite else NAN,
        top2_gap=gap,
        max_probability=median_max_probability(answers) if probabilities and finite else NAN,
        same_class=_same_class(answers, facts) if (classify or single) and finite else NAN,
        spread=float(answers.double().var(0, correction=0).mean().sqrt()) if finite else NAN,
        gradient=_logit_gradient(answers, ending, at_output),
        saturated=_saturated(ending),
        silent=dead_share(answers) if ending and ending.kind in FLAT and answers.numel() else NAN,
    )


def _saturated(ending: Call | None) -> float:
    squashing = SMOOTH.get(ending.kind) if ending else None
    return saturated_share(ending.inputs.float(), squashing) if ending and squashing else NAN


def _same_class(answers: Tensor, facts: Facts) -> float:
    if facts.task == "multi-class":
        return same_class_share(answers)
    target = facts.target.float()
    middle = 0.0 if facts.logits else float(target.min() + target.max()) / 2
    return same_class_share(answers.reshape(len(answers), -1)[:, :1], middle)


def _logit_gradient(answers: Tensor, ending: Call | None, at_output: list[Tensor]) -> float:
    """Root mean square of the gradient at the logits, per input; through a softmax or sigmoid in closed form."""
    if not at_output:
        return NAN
    gradient, p = at_output[0].double(), answers.double()
    kind = ending.kind if ending else ""
    if kind == "softmax" and p.ndim > 1:
        gradient = p * (gradient - (gradient * p).sum(1, keepdim=True))
    elif kind == "log_softmax" and p.ndim > 1:
        gradient = gradient - p.exp() * gradient.sum(1, keepdim=True)
    elif kind == "sigmoid":
        gradient = gradient * p * (1 - p)
    elif kind == "tanh":
        gradient = gradient * (1 - p * p)
    elif kind == "relu":
        gradient = gradient * (p > 0)
    return float(gradient.square().mean().sqrt()) * len(answers)
