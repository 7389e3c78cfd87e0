"""Small random biases."""

from __future__ import annotations

from torch import Tensor

from trainability.initializers._draw import draw_normal_
from trainability.initializers._members import Generators, PerMember


def small_normal_(
    bias: Tensor,
    weight: Tensor | None = None,
    std: PerMember = 0.01,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a bias with small normal numbers, in place.

    b ~ N(0, std²).

    Args:
        bias: `(out,)`, floating point; a stack is `(E, out)` with `batch_dims=1`.
        weight: not used.
        std: >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `bias` itself.

    Raises:
        ValueError: a negative std, or the number of values or generators is not the number of members.

    Source: common practice; lecture notes list it as "any small, random number".

    >>> import torch
    >>> bool(small_normal_(torch.empty(100)).abs().max() < 0.1)
    True
    """
    return draw_normal_(bias, 0.0, std, batch_dims=batch_dims, generator=generator)
