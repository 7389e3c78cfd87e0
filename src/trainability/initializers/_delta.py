"""The middle of a convolution's kernel, where a delta sits."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def centre(tensor: Tensor, batch_dims: int) -> Tensor:
    """Give the view (*members, out, in) of a weight at the middle of its kernel, index size // 2 as in torch.

    >>> import torch
    >>> centre(torch.arange(9.0).reshape(1, 1, 3, 3), 0)
    tensor([[4.]])
    """
    kernel = tensor.shape[batch_dims + 2 :]
    place: Any = (..., *(size // 2 for size in kernel))
    return tensor[place]
