"""The numbers behind a probability, as a reader would say them."""

from __future__ import annotations

import math

from trainability.doctor.rules import fmt, share
from trainability.prognosis.model import Probability

REASONS = 4
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
        "share of the way", "kept promise", "explained by a line", "explained by a line, held out",
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
    "lr over stable lr": "lr over the stable lr of one mini-batch",
    "best multiple of the step": "lr at which the first step would lower its loss most, over the present lr",
    "decrease at the best multiple": "relative decrease of the loss at the best length of the first step",
    "kept promise": "decrease after one step over what its gradient promised",
    "promised decrease over what is open": "steps x promised decrease, over the distance to the target",
    "promised decrease of one step": "promised decrease of one step, over the distance to the target",
    "relative update": "size of the first step over the weights'",
    "relative reach": "steps x size of the first step over the weights'",
    "largest relative update": "largest first step of a weight tensor over its size",
    "agreement of gradients": "cosine between the gradients of two mini-batches",
    "weight decay over the budget": "lr x weight decay x steps",
    "signal through the layers": "signal at the last layer over the first's",
    "gradient through the layers": "gradient at the first layer over the last's",
    "signal behind the hidden layers": "signal behind the hidden layers",
    "share across inputs": "share of the last hidden layer's signal that differs between inputs",
    "weights over He's": "weights over He's standard deviation",
    "depth over trainable depth": "depth over theory's trainable depth",
    "output spread over targets'": "spread of the outputs over the targets'",
    "start over constant": "loss at the start over the best constant answer's",
    "target over lowest reference": "target over the lower of the start's and the constant answer's loss",
    "spread of losses": "relative spread of the loss between mini-batches",
    "feature rms, highest over lowest": "largest over smallest rms of an input feature",
    "end over reference": "loss after the first steps over the lower of the start's and the constant answer's",
    "end over start": "loss after the first steps over the start's",
    "end over target": "loss after the first steps over the target",
    "lowest over target": "lowest loss of the first steps over the target",
    "peak over start": "highest loss of the first steps over the start's",
    "late fall": "loss at the end of the first steps over that at their middle",
    "late fall over noise": "slope of the last losses, in standard errors",
    "forecast by a power law": "loss at the end of the budget by a power law, over the target",
    "forecast by a straight line": "loss left at the end of the budget by a straight line, in starting losses",
    "share of the way": "share of the way to the target after the first steps",
    "early fall": "first losses over the start's",
    "noise of the losses": "relative noise of the losses",
    "movement": "movement of the weights over their size",
    "share seen": "share of the budget seen",
    "explained by a line": "share of the targets' variance that a line explains",
    "explained by a line, held out": "share of held-out targets' variance that a line explains",
    "explained by neighbours": "share of the targets' variance that neighbours explain",
    "gradient then over the start's": "gradient after the first steps over the start's",
    "output spread then over the start's": "spread of the outputs after the first steps over the start's",
    "output spread then": "spread of the outputs after the first steps",
    "largest dead share then": "largest dead share after the first steps",
    "largest saturated share then": "largest saturated share after the first steps",
    "share of one class then": "share of inputs given one class after the first steps",
    "sample's loss then over target": "loss of a sample after the first steps over the target",
    "sample's loss then over reference": "loss of a sample after the first steps over the lower of the references",
    "promised decrease then over what is open": "steps left x decrease promised then, over the distance to the target",
    "gradient through the layers then": "gradient at the first layer over the last's after the first steps",
}


def reasons(found: Probability) -> list[str]:
    """What a probability rests on most, as lines.

    Args:
        found: any.

    Returns:
        At most four sentences without a full stop, the weightiest first.

    Example:
        >>> reasons(Probability(0.9, 0.8, 0.95, reasons=(("steps", 3.0, 0.7), ("lost", 0.0, -0.2), ("depth", 0.3, 0.01))))
        ['steps: 1000 (speaks for it)', 'the loss stayed finite (speaks against it)']
    """
    told = [r for r in found.reasons if abs(r[2]) >= TELLING and math.isfinite(r[1])][:REASONS]
    return [f"{said(name, value)} (speaks {'for' if effect > 0 else 'against'} it)" for name, value, effect in told]


def said(name: str, value: float) -> str:
    """One number in words; logarithms are turned back.

    Example:
        >>> said("end over target", 0.0), said("largest dead share", 0.5), said("adaptive", 1.0)
        ('loss after the first steps over the target: 1', 'largest dead share: 50%', 'the optimizer rescales its steps')
    """
    if name in FLAGS:
        return FLAGS[name][0 if value >= 0.5 else 1]
    if name in SHARES:
        number = share(value) if value >= 0 else fmt(value)
    else:
        number = fmt(value if name in PLAIN or name == "forecast by a straight line" else 10.0**value)
    return f"{SAYS.get(name, name)}: {number}"
