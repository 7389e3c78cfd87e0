"""Inputs without correlation: principal components, each with variance 1."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("duplicated-features",)
SAMPLE = 50_000
KEPT = 1e-9  # of the largest eigenvalue: below it is rounding


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """The whitening first layer; for inputs that are rows of numbers, more of them than features."""
    d = r.data
    if d.integer_inputs or d.features < 2 or 0 < d.n < 2 * d.features:
        return
    yield Change(
        name="whiten-inputs",
        family="whiten-inputs",
        summary="Whiten the inputs: principal components with variance 1",
        code=(
            "mean, std = X.double().mean(0), X.double().std(0, correction=0)  # of the training set, used for new data too\n"
            "std[std <= 1e-8 * mean.abs()] = 1.0\n"
            "Z = (X - mean) / std\n"
            "values, vectors = torch.linalg.eigh(Z.T @ Z / len(Z))\n"
            "keep = values > 1e-9 * values.max()\n"
            "X = (Z @ (vectors[:, keep] / values[keep].sqrt()) @ vectors[:, keep].T).to(X.dtype)"
        ),
        size=2.0,
        answers=ANSWERS,
        touches=("inputs",),
        transform=whiten_inputs,
    )


class WhitenedInputs(nn.Module):
    """A model that takes rows in their own units and whitens them first, in double precision.

    Args:
        model: what follows.
        mean: (d,).
        matrix: (d, d).
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, model: nn.Module, mean: Tensor, matrix: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """The model's output for whitened inputs."""
        return self.model(((x.double() - self.mean) @ self.matrix).to(x.dtype))


def whiten_inputs(setup: Setup, generator: torch.Generator) -> Setup:
    """Wrap the model; statistics are the training data's. The map is symmetric (ZCA), so features keep their places."""
    x = setup.batches.sample(SAMPLE)[0].to(setup.device)
    if x.ndim != 2 or not x.is_floating_point():
        raise SetupError(f"the inputs have shape {tuple(x.shape)}; whitening is for rows of numbers.")
    x = x[torch.isfinite(x).all(1)].double()
    mean, std = x.mean(0), x.std(0, correction=0)
    std = torch.where(std > 1e-8 * mean.abs().clamp_min(1e-30), std, torch.ones_like(std))
    z = (x - mean) / std
    values, vectors = torch.linalg.eigh(z.T @ z / len(z))
    keep = values > KEPT * values[-1]
    matrix = (vectors[:, keep] / values[keep].sqrt()) @ vectors[:, keep].T
    return setup.replaced(model=WhitenedInputs(setup.model, mean, matrix / std[:, None]))


REMEDY = Prescription("whiten-inputs", ANSWERS, propose)
