"""Learned positions on top of the embeddings of a sequence."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainability.doctor.finding import Finding
from trainability.doctor.readings import Readings
from trainability.doctor.remedies._change import Change, Prescription
from trainability.doctor.remedies._entry import entry, put
from trainability.errors import SetupError
from trainability.setup import Setup

ANSWERS = ("order-not-seen",)


class Positioned(nn.Module):
    """An embedding of a sequence plus a learned vector for each of its steps.

    Args:
        embedding: (n, steps, ...) -> (n, steps, width).
        steps, width: of the sequence and of its vectors.
        std: of the vectors at the start.

    Example:
        >>> Positioned(nn.Embedding(9, 4), 7, 4)(torch.zeros(2, 7, dtype=torch.long)).shape
        torch.Size([2, 7, 4])
    """

    def __init__(self, embedding: nn.Module, steps: int, width: int, std: float = 1.0) -> None:
        super().__init__()
        self.embedding = embedding
        self.positions = nn.Parameter(std * torch.randn(steps, width))

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings with positions."""
        return self.embedding(x) + self.positions[: x.shape[1]]


def propose(finding: Finding, r: Readings) -> Iterator[Change]:
    """Behind the embedding (or the linear layer) that takes the inputs, as large as what it gives."""
    if r.sight.steps < 3:
        return
    yield Change(
        name="add-positions",
        family="add-positions",
        summary="Add a learned position to each embedding",
        code=(
            "class Positioned(nn.Module):\n"
            "    def __init__(self, embedding, steps, width, std):\n"
            "        super().__init__()\n"
            "        self.embedding = embedding\n"
            "        self.positions = nn.Parameter(std * torch.randn(steps, width))\n\n"
            "    def forward(self, x):\n"
            "        return self.embedding(x) + self.positions[: x.shape[1]]\n\n"
            "# before the optimizer is built, with the name that your embedding has\n"
            "out = model.embedding(X[:64])\n"
            "model.embedding = Positioned(model.embedding, out.shape[1], out.shape[2], out.std().item())"
        ),
        size=1.5,
        answers=ANSWERS,
        touches=("positions",),
        transform=_add,
    )


def _add(setup: Setup, generator: torch.Generator) -> Setup:
    path, given = entry(setup, (nn.Embedding, nn.Linear))
    if given.ndim != 3:
        raise SetupError(
            f"{path} gives a tensor of shape {tuple(given.shape)}; needed is a sequence of vectors, (n, steps, width)."
        )
    new = Positioned(setup.model.get_submodule(path), given.shape[1], given.shape[2])
    std = float(given.std())
    with torch.no_grad():
        new.positions.copy_(std * torch.randn(new.positions.shape, generator=generator))
    new.positions.data = new.positions.data.to(given.device, given.dtype)
    put(setup.model, path, new)
    setup.optimizer.param_groups[0]["params"].append(new.positions)
    return setup.replaced(keep_facts=True)


REMEDY = Prescription("add-positions", ANSWERS, propose)
