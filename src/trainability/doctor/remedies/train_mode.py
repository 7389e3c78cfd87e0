"""Train in training mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._withheld import withheld
from trainability.setup import Setup

ANSWERS = ("eval-mode-in-training",)


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """`model.train()` at the beginning of the step, and no `model.eval()` in it."""
    yield Change(
        name="train-mode",
        family="train-mode",
        summary="Train in training mode",
        code="model.train()  # at the beginning of the step; model.eval() only around evaluation",
        size=1.0,
        answers=ANSWERS,
        touches=("step",),
        transform=_train,
    )


def _train(setup: Setup, generator: torch.Generator) -> Setup:
    return setup if setup.step is None else setup.replaced(step=partial(_training, setup.step))


def _training(
    step: Callable[..., Any], model: nn.Module, batch: tuple[Any, Any], optimizer: torch.optim.Optimizer
) -> Any:
    model.train()
    with withheld(model, "eval"):
        return step(model, batch, optimizer)


REMEDY = Prescription("train-mode", ANSWERS, propose)
