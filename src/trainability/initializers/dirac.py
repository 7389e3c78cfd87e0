"""The identity of a grouped convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._delta import centre
from trainability.initializers._fans import fans, own_shape
from trainability.initializers._members import Generators, PerMember, against, member_values


def dirac_(
    tensor: Tensor,
    groups: int = 1,
    gain: PerMember = 1.0,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a convolution's weight so that each group of channels passes its own inputs on, in place.

    w[g · out/groups + i, i, middle] = gain for i < min(out/groups, in/groups), zero elsewhere.

    Args:
        tensor: `(out, in/groups, *kernel)` as in torch's layers; a stack has members in front.
        groups: how many groups the channels are in, >= 1; divides out.
        gain: the value, finite, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: not used; accepted so that all initializers are called alike.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: fewer than two dimensions per member, an empty one, groups that do not divide out, or a wrong
            number of values.

    Source: `torch.nn.init.dirac_`, which takes 3 to 5 dimensions.

    >>> dirac_(torch.empty(4, 2), groups=2)
    tensor([[1., 0.],
            [0., 1.],
            [1., 0.],
            [0., 1.]])
    """
    gain = _checked(tensor.shape, groups, gain, batch_dims)
    with torch.no_grad():
        tensor.zero_()
        blocks = centre(tensor, batch_dims).unflatten(batch_dims, (groups, -1))
        diagonal = blocks.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(torch.as_tensor(against(gain, diagonal)).expand_as(diagonal))
    return tensor


def _checked(shape: Sequence[int], groups: int, gain: PerMember, batch_dims: int) -> PerMember:
    fans(shape, batch_dims)
    out = own_shape(shape, batch_dims)[0]
    if groups < 1 or out % groups:
        raise ValueError(f"groups: given {groups} for {out} output channels, needed a number that divides them.")
    return member_values("gain", gain, shape, batch_dims)


def promised_std(shape: Sequence[int], groups: int = 1, gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation over all entries: |gain| √(p (1 - p)), p the share of entries that are not zero.

    >>> promised_std((4, 2), groups=2)
    0.5
    """
    gain = _checked(shape, groups, gain, batch_dims)
    out, fan_in, *kernel = own_shape(shape, batch_dims)
    p = groups * min(out // groups, fan_in) / (out * fan_in * math.prod(kernel))
    size: PerMember = gain.abs() if isinstance(gain, torch.Tensor) else abs(gain)
    return size * math.sqrt(p * (1 - p))
