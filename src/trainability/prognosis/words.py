"""The numbers behind a probability, as a reader would say them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trainability.doctor.rules import fmt, share
from trainability.prognosis.model import Probability, stored

REASONS = 4
BOUND = 12.0
"""Decimal logarithms stop here (features.FLOOR and CEILING)."""
TELLING = 0.1
"""Log-odds that a number must move to be told as a reason."""

PLAIN = frozenset(
    (
        "kept promise",
        "agreement of gradients",
        "momentum",
        "share of the way",
        "late fall over noise",
        "factor",
        "classes",
    )
)
SHARES = frozenset(
    (
        "share across inputs", "largest dead share", "largest saturated share", "mean saturated share", "equal units",
        "share of the way", "kept promise", "equal units", "explained by a line", "explained by a line, held out",
        "explained by neighbours", "largest dead share then", "largest saturated share then", "share of one class then",
    )
)  # fmt: skip
FLAGS = {
    "adaptive": ("the optimizer rescales its steps", "the optimizer does not rescale its steps"),
    "normalised": ("there are normalisation layers", "there are no normalisation layers"),
    "squashed output": ("the model ends with an activation", "the model ends without an activation"),
    "logits expected": ("the loss takes logits", "the loss takes no logits"),
    "broadcasts": ("the loss broadcasts its arguments", "the loss does not broadcast"),
    "critical findings": ("a critical cause was found", "no critical cause was found"),
    "lost": ("the loss was not finite", "the loss stayed finite"),
}
SAYS = {
    "lr over stable lr": "learning rate over the largest stable one on a mini-batch",
    "best multiple of the step": "learning rate at which the first step would lower its loss most, over the present one",
    "decrease at the best multiple": "share of the loss that a first step of the best length would take off",
    "kept promise": "what the first step lowered the loss by, over what the gradient promised",
    "promised decrease over what is open": "decrease that the gradient promises over all steps, over the way to the target",
    "promised decrease of one step": "decrease that the gradient promises for one step, over the way to the target",
    "relative update": "size of the first step over the size of the weights",
    "relative reach": "size of the first step times all steps, over the size of the weights",
    "largest relative update": "largest first step of a weight tensor over its size",
    "agreement of gradients": "cosine between the gradients of two mini-batches (1: the same direction)",
    "weight decay over the budget": "learning rate x weight decay x steps (1: weights shrink to a third)",
    "momentum": "momentum",
    "signal through the layers": "size of the signal at the last layer over the first's",
    "gradient through the layers": "size of the gradient at the first layer over the last's",
    "signal behind the hidden layers": "size of the signal behind the hidden layers",
    "share across inputs": "share of the last hidden layer's signal that differs between inputs",
    "largest dead share": "share of units that are 0 for every input, in the worst layer",
    "largest saturated share": "share of values on the flat part of their activation, in the worst hidden layer",
    "mean saturated share": "share of values on the flat part of their activation, over the hidden layers",
    "weights over He's": "size of the weights over He's initializer",
    "equal units": "share of units that equal another one, in the worst layer",
    "depth": "layers with weights",
    "narrowest layer": "units of the narrowest hidden layer",
    "depth over trainable depth": "layers over the number that theory lets a signal through",
    "output spread": "how much the outputs differ between inputs",
    "output spread over targets'": "how much the outputs differ between inputs, over how much the targets do",
    "logit rms": "size of the outputs (of what goes into a last activation)",
    "top-2 gap": "lead of the largest output over the second",
    "gradient at the output": "size of the loss's gradient at the outputs",
    "start over constant": "loss at the start over the best constant answer's",
    "target over lowest reference": "target over the lower of the loss at the start and the best constant answer's",
    "spread of losses": "relative spread of the loss between mini-batches",
    "factor": "times the usual loss of its kind",
    "input rms": "size of the inputs",
    "feature rms, highest over lowest": "largest over smallest size of an input feature",
    "feature offset": "mean of an input feature over its spread",
    "target size": "size of the targets",
    "target offset": "mean of the targets over their spread",
    "classes": "classes",
    "features": "input features",
    "samples": "training samples",
    "batch size": "samples per step",
    "steps": "steps of the budget",
    "epochs": "epochs of the budget",
    "weights": "trainable weights",
    "weights over samples": "trainable weights over training samples",
    "end over reference": "loss after the first steps over the lower of that at the start and the best constant answer's",
    "end over start": "loss after the first steps over that at the start",
    "end over target": "loss after the first steps over the target",
    "lowest over target": "lowest loss of the first steps over the target",
    "peak over start": "highest loss of the first steps over that at the start",
    "late fall": "loss at the end of the first steps over that at their middle",
    "late fall over noise": "slope of the last losses in standard errors (below -2: they fall)",
    "forecast by a power law": "loss at the end of the budget by a power law, over the target",
    "forecast by a straight line": "what a straight line leaves open at the end, in losses of the start (below 0: nothing)",
    "share of the way": "share of the way to the target after the first steps",
    "early fall": "first losses over that at the start",
    "noise of the losses": "noise of the losses over their mean",
    "movement": "how far the weights moved in the first steps, over their size",
    "share seen": "share of the budget seen",
    "explained by a line": "share of the targets' variance that a straight line through the inputs explains",
    "explained by a line, held out": "share of unseen targets' variance that a straight line through the inputs explains",
    "explained by neighbours": "share of the targets' variance that an input's five nearest neighbours tell",
    "gradient then over the start's": "size of the gradient after the first steps over that at the start",
    "output spread then over the start's": "how much the outputs differ after the first steps, over the start",
    "output spread then": "how much the outputs differ between inputs after the first steps",
    "largest dead share then": "share of units that are 0 for every input after the first steps, in the worst layer",
    "largest saturated share then": "share of values on flat parts of activations after the first steps, in the worst layer",
    "share of one class then": "share of inputs given the most frequent answer after the first steps",
    "sample's loss then over target": "loss of a sample after the first steps over the target",
    "sample's loss then over reference": "loss of a sample after the first steps over the lower of the references",
    "promised decrease then over what is open": "decrease that the gradient promises for the steps left, over the way left",
    "gradient through the layers then": "size of the gradient at the first layer over the last's after the first steps",
}


def reasons(found: Probability, typical: Mapping[str, float] | None = None) -> list[str]:
    """What a probability rests on most, as lines.

    Args:
        found: any.
        typical: the same numbers' medians, to compare with (`typical`).

    Returns:
        At most four sentences without a full stop, the weightiest first.

    Example:
        >>> told = Probability(0.9, 0.8, 0.95, reasons=(("steps", 3.0, 0.7), ("lost", 0.0, -0.2), ("depth", 0.3, 0.01)))
        >>> reasons(told, {"steps": 2.0})
        ['for: steps of the budget: 1000 (typical: 100)', 'against: the loss stayed finite']
    """
    told = [r for r in found.reasons if abs(r[2]) >= TELLING and math.isfinite(r[1])][:REASONS]
    lines = []
    for name, value, effect in told:
        line = f"{'for' if effect > 0 else 'against'}: {said(name, value)}"
        middle = (typical or {}).get(name, math.nan)
        if name not in FLAGS and math.isfinite(middle):
            line += f" (typical: {said(name, middle).rpartition(': ')[2]})"
        lines.append(line)
    return lines


def typical(which: str) -> dict[str, float]:
    """The medians over the random setups that a probability was fitted on.

    Args:
        which: "before" or "after", as in `model.probability`.

    Returns:
        Name -> number, in the same form as a probability's reasons.
    """
    model = stored()[which]
    return {n: v for n, v in zip(model["features"], model["medians"], strict=True) if v is not None}


def said(name: str, value: float) -> str:
    """One number in words; logarithms are turned back.

    Example:
        >>> said("end over target", 0.0), said("share seen", -1.0), said("adaptive", 1.0)
        ('loss after the first steps over the target: 1', 'share of the budget seen: 0.1', 'the optimizer rescales its steps')
    """
    if name in FLAGS:
        return FLAGS[name][0 if value >= 0.5 else 1]
    if name in SHARES:
        number = share(value) if value >= 0 else f"-{share(-value)}"
    elif name not in PLAIN and name != "forecast by a straight line" and abs(value) >= BOUND:
        number = "0" if value < 0 else "1e12 or more"
    else:
        number = fmt(value if name in PLAIN or name == "forecast by a straight line" else 10.0**value)
    return f"{SAYS.get(name, name)}: {number}"
