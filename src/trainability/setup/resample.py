"""Fresh weights for a model that nobody can build again: each tensor's own values, in another order."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def resample(model: nn.Module, generator: torch.Generator) -> None:
    """Permute the entries of every parameter, in place.

    Keeps each tensor's distribution exactly (a constant tensor stays constant, zero biases stay zero) and
    breaks what lies in the arrangement: orthogonality, a Dirac kernel, anything learned.
    A tensor shared by two modules is permuted once.

    Args:
        model: any module; parameters of any shape.
        generator: decides the order; a CPU generator.

    Example:
        >>> net = nn.Linear(3, 1); before = net.weight.clone()
        >>> resample(net, torch.Generator().manual_seed(0))
        >>> bool((net.weight.sort().values == before.sort().values).all())
        True
    """
    for parameter in model.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
