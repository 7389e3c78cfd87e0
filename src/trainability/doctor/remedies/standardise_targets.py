"""Train on targets with mean 0 and standard deviation 1; answer in their own unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._standardised import Standardised
from trainability.setup import Setup

ANSWERS = ("unscaled-targets", "output-range", "lr-too-high", "dying-relu")
SAMPLE = 50_000


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Standardised targets, for a regression whose last layer can go below 0."""
    if r.task != "regression" or r.start.output.activation in ("sigmoid", "softmax", "relu"):
        return
    size = abs(r.data.target_mean) + r.data.target_std
    if 0.5 < size < 2:
        return
    yield Change(
        name="standardise-targets",
        family="standardise-targets",
        summary="Standardise the targets",
        code=(
            "y_mean, y_std = y.mean(0), y.std(0, correction=0)\n"
            "y = (y - y_mean) / y_std  # for training; prediction = model(X) * y_std + y_mean"
        ),
        size=1.0,
        answers=("unscaled-targets",),
        touches=("targets",),
        transform=standardise_targets,
    )


class StandardisedTargets(Standardised):
    """A model that answers in the targets' own unit while its inner model works with mean 0 and std 1.

    Args:
        model: the inner model.
        mean, std: shape of one output row.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The inner model's output in the targets' unit."""
        return self.model(x) * self.std + self.mean


class StandardisedLoss:
    """A loss applied to output and target after both are standardised.

    Args:
        loss_fn: the loss in standardised units.
        mean, std: shape of one row.
    """

    def __init__(self, loss_fn: Callable[..., Any], mean: Tensor, std: Tensor) -> None:
        self.loss_fn, self.mean, self.std = loss_fn, mean, std

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of the standardised pair."""
        return self.loss_fn((output - self.mean) / self.std, (target - self.mean.to(target)) / self.std.to(target))


def standardise_targets(setup: Setup, generator: torch.Generator) -> Setup:
    """Wrap model and loss; statistics are the training targets', per column where there are several."""
    y = setup.batches.sample(SAMPLE)[1].to(setup.device).double()
    y = y[torch.isfinite(y.flatten(1) if y.ndim > 1 else y[:, None]).all(1)]
    several = y.ndim > 1 and y.shape[1:].numel() > 1
    mean, std = (y.mean(0), y.std(0, correction=0)) if several else (y.mean(), y.std(correction=0))
    std = torch.where(std > 0, std, torch.ones_like(std))
    dtype = setup.facts.output.dtype
    mean, std = mean.to(dtype), std.to(dtype)
    return setup.replaced(
        model=StandardisedTargets(setup.model, mean, std), loss_fn=StandardisedLoss(setup.loss_fn, mean, std)
    )


REMEDY = Prescription("standardise-targets", ANSWERS, propose)
