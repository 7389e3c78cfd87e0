"""Draw a normal or a uniform law into a tensor or into each member of a stack.

Three ways, one law. A list of generators: member by member, each exactly what a single call gives. One
generator and numbers: one call of torch over the whole stack. One generator and per-member values: one
standard draw over the whole stack, then scaled and shifted. The layout in memory never changes the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from trainability.initializers._members import Generators, PerMember, against, by_member_, member_values


def draw_normal_(tensor: Tensor, mean: PerMember, std: PerMember, *, batch_dims: int, generator: Generators) -> Tensor:
    """Fill `tensor` in place from N(mean, std²); see the module for stacks."""
    mean = member_values("mean", mean, tensor.shape, batch_dims)
    std = member_values("std", std, tensor.shape, batch_dims, least=0.0)
    return _draw_(tensor, "normal_", mean, std, mean, std, batch_dims, generator)


def draw_uniform_(tensor: Tensor, low: PerMember, high: PerMember, *, batch_dims: int, generator: Generators) -> Tensor:
    """Fill `tensor` in place from U[low, high); see the module for stacks."""
    low = member_values("lower bound", low, tensor.shape, batch_dims)
    high = member_values("upper bound", high, tensor.shape, batch_dims)
    width = member_values("upper minus lower bound", high - low, tensor.shape, batch_dims, least=0.0)
    return _draw_(tensor, "uniform_", low, high, low, width, batch_dims, generator)


def _draw_(
    tensor: Tensor,
    law: Literal["normal_", "uniform_"],
    first: PerMember,
    second: PerMember,
    shift: PerMember,
    scale: PerMember,
    batch_dims: int,
    generator: Generators,
) -> Tensor:
    check_floating(tensor)
    with torch.no_grad():
        if isinstance(generator, Sequence):
            return by_member_(tensor, partial(_at_once_, law=law), (first, second), generator, batch_dims)
        if isinstance(first, Tensor) or isinstance(second, Tensor):
            _at_once_(tensor, 0.0, 1.0, generator, law=law)
            return tensor.mul_(against(scale, tensor)).add_(against(shift, tensor))
        return _at_once_(tensor, first, second, generator, law=law)


def _at_once_(tensor: Tensor, first: float, second: float, generator: torch.Generator | None, *, law: str) -> Tensor:
    return packed_(tensor, lambda t: getattr(t, law)(first, second, generator=generator))


def packed_(tensor: Tensor, fill: Callable[[Tensor], object]) -> Tensor:
    """Fill `tensor` as `fill` fills a contiguous one, so that the layout in memory does not change the values."""
    if tensor.is_contiguous():
        fill(tensor)
        return tensor
    packed = torch.empty_like(tensor, memory_format=torch.contiguous_format)
    fill(packed)
    return tensor.copy_(packed)


def check_floating(tensor: Tensor) -> None:
    """Refuse a tensor that cannot hold random real numbers.

    Raises:
        ValueError: an integer, boolean or complex dtype.
    """
    if not tensor.is_floating_point():
        raise ValueError(
            f"tensor: given dtype {tensor.dtype}, needed a floating-point dtype. Convert it with .float()."
        )
