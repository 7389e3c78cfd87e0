"""End with the activation whose values the loss reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import OutputReading, Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._ending import removal_line, without_ending
from trainability.setup import Setup

ANSWERS = ("log-of-unnormalised-output",)
READS_PROBABILITIES = ("bce", "nll-of-probabilities", "custom")


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """A sigmoid for yes or no, a softmax for classes, a Softplus for quantities that are never negative."""
    ending = r.start.output
    if r.loss.family not in READS_PROBABILITIES or ending.activation not in ("", "relu", "tanh"):
        return
    if r.task == "regression" and not r.data.target_low >= 0:
        return
    word, line = _LAYERS[r.task]
    instead = f" instead of the last {ending.activation}" if ending.activation else ""
    yield Change(
        name=f"end-with-{word.lower()}",
        family="squash",
        summary=f"End with a {word}{instead}, whose values this loss reads",
        code=removal_line(ending, line) if ending.activation else f"model = nn.Sequential(model, {line})",
        size=1.0,
        answers=ANSWERS,
        touches=("ending",),
        transform=partial(_change, ending=ending, task=r.task),
    )


_LAYERS = {
    "binary": ("sigmoid", "nn.Sigmoid()"),
    "multi-label": ("sigmoid", "nn.Sigmoid()"),
    "multi-class": ("softmax", "nn.Softmax(dim=1)"),
    "regression": ("Softplus", "nn.Softplus()"),
}


def _change(setup: Setup, generator: torch.Generator, *, ending: OutputReading, task: str) -> Setup:
    layer = {"multi-class": nn.Softmax(dim=1), "regression": nn.Softplus()}.get(task, nn.Sigmoid())
    if ending.activation:
        return setup.replaced(model=without_ending(setup.model, ending, layer))
    return setup.replaced(model=nn.Sequential(setup.model, layer))


REMEDY = Prescription("squash", ANSWERS, propose)
