"""One value everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._fans import own_shape
from trainability.initializers._members import Generators, PerMember, against, member_values


def constant_(tensor: Tensor, val: PerMember, *, batch_dims: int = 0, generator: Generators = None) -> Tensor:
    """Fill a tensor with one value, in place.

    w = val. For a bias. As a weight it makes all units of a layer equal, and equal units stay equal.

    Args:
        tensor: any shape; a stack is `(E, ...)` with `batch_dims=1`.
        val: any finite number, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: not used; accepted so that all initializers are called alike.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: the number of values is not the number of members, or a value is not finite.

    Source: `torch.nn.init.constant_`, whose argument is called `val` too.

    >>> constant_(torch.empty(2, 3), torch.tensor([0.0, 0.5]), batch_dims=1)
    tensor([[0.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.5000]])
    """
    values = member_values("val", val, tensor.shape, batch_dims)
    with torch.no_grad():
        if isinstance(values, Tensor):
            return tensor.copy_(torch.as_tensor(against(values, tensor)).expand_as(tensor))
        return tensor.fill_(values)


def promised_std(shape: Sequence[int], val: PerMember, *, batch_dims: int = 0) -> float:
    """Give the standard deviation that `constant_` promises: 0, around `val`.

    >>> promised_std((30, 20), 0.5)
    0.0
    """
    own_shape(shape, batch_dims)
    return 0.0
