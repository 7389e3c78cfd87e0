"""A normal law with a standard deviation given by hand."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_normal_
from trainability.initializers._members import Generators, PerMember, member_values


def normal_(
    tensor: Tensor,
    mean: PerMember = 0.0,
    std: PerMember = 1.0,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a tensor from a normal law that does not know the size of the layer, in place.

    w ~ N(mean, std²).

    Args:
        tensor: any shape, floating point; a stack is `(E, ...)` with `batch_dims=1`.
        mean: finite, or one per member, shape `(E,)`.
        std: finite, >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: a negative std, or the number of values or generators is not the number of members.

    Source: `torch.nn.init.normal_`.

    >>> import torch
    >>> seeds = [torch.Generator().manual_seed(e) for e in range(3)]
    >>> stack = normal_(torch.empty(3, 8, 4), std=0.1, batch_dims=1, generator=seeds)
    >>> alone = normal_(torch.empty(8, 4), std=0.1, generator=torch.Generator().manual_seed(2))
    >>> torch.equal(stack[2], alone)
    True
    """
    return draw_normal_(tensor, mean, std, batch_dims=batch_dims, generator=generator)


def promised_std(
    shape: Sequence[int], mean: PerMember = 0.0, std: PerMember = 1.0, *, batch_dims: int = 0
) -> PerMember:
    """Give the standard deviation that `normal_` promises: `std`, around `mean`.

    >>> promised_std((30, 20), std=0.1)
    0.1
    """
    return member_values("std", std, shape, batch_dims, least=0.0)
