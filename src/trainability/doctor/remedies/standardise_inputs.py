"""Inputs with mean 0 and standard deviation 1 per feature, inside the model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._standardised import Standardised
from trainability.setup import Setup

ANSWERS = ("unscaled-inputs", "lr-too-high", "saturated-units")
SAMPLE = 50_000


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The standardising first layer; not for inputs that are indices."""
    if r.data.integer_inputs:
        return
    yield Change(
        name="standardise-inputs",
        family="standardise-inputs",
        summary="Standardise the inputs",
        code=(
            "over = (0, 2, 3) if X.ndim == 4 else tuple(range(max(X.ndim - 1, 1)))  # each channel, or each feature\n"
            "mean = X.double().mean(over, keepdim=True)  # of the training set, used for new data too\n"
            "std = X.double().std(over, correction=0, keepdim=True)\n"
            "std[std <= 1e-8 * mean.abs()] = 1.0  # what never changes\n"
            "X = ((X - mean) / std).to(X.dtype)"
        ),
        size=1.0,
        answers=ANSWERS,
        touches=("inputs",),
        transform=standardise_inputs,
    )


class StandardisedInputs(Standardised):
    """A model that takes inputs in their own units and standardises them first.

    Args:
        model: what follows.
        mean, std: broadcastable against a batch of inputs; std above 0.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The model's output for standardised inputs."""
        return self.model((x - self.mean) / self.std)


def standardise_inputs(setup: Setup, generator: torch.Generator) -> Setup:
    """Wrap the model; statistics are the training data's, per feature (per channel for images)."""
    x = setup.batches.sample(SAMPLE)[0].to(setup.device)
    over = (0,) if x.ndim <= 2 else ((0, *range(2, x.ndim)) if x.ndim == 4 else tuple(range(x.ndim - 1)))
    finite = x[torch.isfinite(x.flatten(1) if x.ndim > 1 else x[:, None]).all(1)].double()
    mean, std = finite.mean(over, keepdim=True), finite.std(over, keepdim=True, correction=0)
    std = torch.where(std > 1e-8 * mean.abs().clamp_min(1e-30), std, torch.ones_like(std))
    if x.ndim == 1:
        mean, std = mean.squeeze(0), std.squeeze(0)
    return setup.replaced(model=StandardisedInputs(setup.model, mean.to(x.dtype), std.to(x.dtype)))


REMEDY = Prescription("standardise-inputs", ANSWERS, propose)
