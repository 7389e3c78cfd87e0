"""A model's weights as one long vector, in the order of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> parameter, of those that require a gradient; a tied one once.

    Example:
        >>> list(trained(nn.Linear(2, 1)))
        ['weight', 'bias']
    """
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def weights_of(model: nn.Module) -> Floats:
    """The weights that are trained, as one float64 vector (P,).

    Example:
        >>> weights_of(nn.Linear(2, 1)).shape
        (3,)
    """
    parts = [p.detach().flatten().double().cpu() for p in trained(model).values()]
    return torch.cat(parts).numpy() if parts else np.zeros(0)


def flattened(params: Mapping[str, Tensor], model: nn.Module) -> Floats:
    """Stacked parameters of an ensemble, name -> (M, ...), as vectors (M, P) in the order of a model's parameters.

    Serves as a measure of an ensemble in training: `lambda s: flattened(s.params, model)`.

    Args:
        params: of the ensemble, by the names of the model's parameters.
        model: one member.

    Raises:
        ValueError: other names and other shapes than the model's.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> flattened({"weight": torch.zeros(5, 1, 2), "bias": torch.zeros(5, 1)}, net).shape
        (5, 3)
    """
    wanted = trained(model)
    given = {n: tuple(p.shape[1:]) for n, p in params.items()}
    needed = {n: tuple(p.shape) for n, p in wanted.items()}
    if any(given.get(n) != shape for n, shape in needed.items()):
        raise ValueError(f"params: given shapes {given}, needed the model's {needed}. Give the model of these members.")
    return torch.cat([params[n].detach().flatten(1).double().cpu() for n in wanted], 1).numpy()


def split(vectors: Tensor, model: nn.Module) -> dict[str, Tensor]:
    """Vectors (G, P) as name -> (G, ...), each in its parameter's own type and on its device.

    Example:
        >>> split(torch.zeros(4, 3), nn.Linear(2, 1))["weight"].shape
        torch.Size([4, 1, 2])
    """
    held = trained(model)
    parts = vectors.split([prod(p.shape) for p in held.values()], dim=1)
    return {
        name: part.reshape(len(vectors), *p.shape).to(device=p.device, dtype=p.dtype)
        for (name, p), part in zip(held.items(), parts, strict=True)
    }
