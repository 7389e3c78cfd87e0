"""Values and generators that differ from member to member of a stacked tensor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from trainability.initializers._fans import own_shape

PerMember: TypeAlias = float | Tensor
"""One number for all members, or a tensor with one value per member."""

Generators: TypeAlias = torch.Generator | Sequence[torch.Generator] | None
"""torch's global generator, one generator for everything, or one per member."""


def member_values(
    name: str, given: PerMember, shape: Sequence[int], batch_dims: int, least: float = -math.inf
) -> PerMember:
    """Check a value that may differ by member, and give it in double precision.

    Args:
        name: what the caller calls it, for the message.
        given: a number, or a tensor of shape `shape[:batch_dims]`.
        shape: shape of the tensor to be filled.
        batch_dims: how many leading dimensions of `shape` count members.
        least: the smallest value allowed.

    Returns:
        A float, or a float64 tensor of shape `shape[:batch_dims]` on the CPU.

    Raises:
        ValueError: the wrong number of values, a value that is not finite, or one below `least`.

    >>> member_values("gain", torch.tensor([1.0, 2.0]), (2, 30, 20), batch_dims=1)
    tensor([1., 2.], dtype=torch.float64)
    """
    own_shape(shape, batch_dims)
    if not isinstance(given, Tensor) or given.ndim == 0:
        value = float(given)
        if not math.isfinite(value) or value < least:
            raise ValueError(f"{name}: given {value:g}, needed a finite number{_at_least(least)}.")
        return value
    members = tuple(shape[:batch_dims])
    if tuple(given.shape) != members:
        raise ValueError(
            f"{name}: given values of shape {tuple(given.shape)} for a tensor of shape {tuple(shape)} with "
            f"batch_dims={batch_dims}, needed one number or one value per member, shape {members}."
        )
    values = given.detach().to(device="cpu", dtype=torch.float64)
    bad = ~values.isfinite() | (values < least)
    if bad.any():
        raise ValueError(
            f"{name}: given {values[bad][0]:g} for {int(bad.sum())} of {bad.numel()} members, "
            f"needed finite numbers{_at_least(least)}."
        )
    return values


def _at_least(least: float) -> str:
    return "" if least == -math.inf else f", at least {least:g}"


def by_member_(
    tensor: Tensor,
    fill_one: Callable[..., object],
    values: Sequence[PerMember],
    generators: Sequence[torch.Generator],
    batch_dims: int,
) -> Tensor:
    """Fill each member from its own generator, exactly as a call for that member alone would.

    Args:
        tensor: the stack, `(*members, ...)`; changed in place.
        fill_one: called as `fill_one(member, *values_of_this_member, generator)`.
        values: checked by `member_values`.
        generators: one per member, in row-major order of the member dimensions.
        batch_dims: how many leading dimensions count members.

    Returns:
        `tensor`.

    Raises:
        ValueError: the number of generators is not the number of members.
    """
    indices = list(_indices(tensor.shape[:batch_dims]))
    if len(generators) != len(indices):
        raise ValueError(
            f"generator: given {len(generators)} generators for {len(indices)} member(s) (tensor of shape "
            f"{tuple(tensor.shape)}, batch_dims={batch_dims}), needed one per member, or one for all."
        )
    for index, generator in zip(indices, generators, strict=True):
        own = [float(value[index]) if isinstance(value, Tensor) else value for value in values]
        fill_one(tensor[index], *own, generator)
    return tensor


def _indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(size) for size in shape))


def against(value: PerMember, tensor: Tensor) -> PerMember:
    """Shape a per-member value so that it broadcasts against the stack, in the stack's dtype and device."""
    if not isinstance(value, Tensor):
        return value
    ones = (1,) * (tensor.ndim - value.ndim)
    return value.to(device=tensor.device, dtype=tensor.dtype).reshape(*value.shape, *ones)
