"""Biases of one small value, 0.01 if nothing is said."""

from __future__ import annotations

from torch import Tensor

from trainability.initializers._members import Generators, PerMember
from trainability.initializers.constant import constant_ as fill_


def constant_(
    bias: Tensor,
    weight: Tensor | None = None,
    val: PerMember = 0.01,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a bias with one value, in place.

    b = val. A small positive value makes a ReLU whose inputs are all 0 active; that it helps in general is folklore.

    Args:
        bias: `(out,)`; a stack is `(E, out)` with `batch_dims=1`.
        weight: not used.
        val: any finite number, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: not used.

    Returns:
        `bias` itself.

    Raises:
        ValueError: the number of values is not the number of members, or a value is not finite.

    Source: common practice; lecture notes list it beside 0.

    >>> import torch
    >>> constant_(torch.empty(2))
    tensor([0.0100, 0.0100])
    """
    return fill_(bias, val, batch_dims=batch_dims)
