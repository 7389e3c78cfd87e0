"""Biases of 0."""

from __future__ import annotations

from torch import Tensor

from trainability.initializers._members import Generators
from trainability.initializers.zeros import zeros_ as fill_


def zeros_(bias: Tensor, weight: Tensor | None = None, *, batch_dims: int = 0, generator: Generators = None) -> Tensor:
    """Fill a bias with zeros, in place.

    b = 0. Every ReLU's corner then goes through the origin of its inputs; fitting leaves the moving to the optimizer.

    Args:
        bias: any shape.
        weight: not used.
        batch_dims: how many leading dimensions count members; changes nothing here.
        generator: not used.

    Returns:
        `bias` itself.

    Raises:
        ValueError: `batch_dims` does not fit the shape.

    Source: He et al. 2015, sec. 2.2, "b = 0".

    >>> import torch
    >>> zeros_(torch.ones(2))
    tensor([0., 0.])
    """
    return fill_(bias, batch_dims=batch_dims)
