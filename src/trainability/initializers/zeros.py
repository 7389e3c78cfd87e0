"""Zeros."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._fans import own_shape
from trainability.initializers._members import Generators


def zeros_(tensor: Tensor, *, batch_dims: int = 0, generator: Generators = None) -> Tensor:
    """Fill a tensor with zeros, in place.

    w = 0. Right for biases. A layer whose weights are all zero passes on neither signal nor gradient.

    Args:
        tensor: any shape.
        batch_dims: how many leading dimensions count members; changes nothing here.
        generator: not used; accepted so that all initializers are called alike.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: `batch_dims` does not fit the shape.

    Source: `torch.nn.init.zeros_`.

    >>> zeros_(torch.ones(2))
    tensor([0., 0.])
    """
    own_shape(tensor.shape, batch_dims)
    with torch.no_grad():
        return tensor.zero_()


def promised_std(shape: Sequence[int], *, batch_dims: int = 0) -> float:
    """Give the standard deviation that `zeros_` promises: 0.

    >>> promised_std((30, 20))
    0.0
    """
    own_shape(shape, batch_dims)
    return 0.0
