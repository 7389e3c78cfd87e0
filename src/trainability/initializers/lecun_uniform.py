"""LeCun initialization from a uniform law."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._fans import fans
from trainability.initializers._members import Generators, PerMember, member_values


def lecun_uniform_(
    tensor: Tensor, gain: PerMember = 1.0, *, batch_dims: int = 0, generator: Generators = None
) -> Tensor:
    """Fill a weight from a uniform law that keeps the second moment of a linear layer, in place.

    w ~ U[-c, c),  c = gain · √(3 / fan_in), so that std = gain / √fan_in.

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: factor on the standard deviation, >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: no fans, a fan of 0, a negative gain, or a wrong number of values or generators.

    Source: variance from LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp", sec. 4.6, eq. 16.

    >>> import torch
    >>> w = lecun_uniform_(torch.empty(30, 12))
    >>> bool(w.abs().max() <= 0.5)
    True
    """
    bound = math.sqrt(3.0) * promised_std(tensor.shape, gain, batch_dims=batch_dims)
    return draw_uniform_(tensor, -bound, bound, batch_dims=batch_dims, generator=generator)


def promised_std(shape: Sequence[int], gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation that `lecun_uniform_` promises: gain / √fan_in.

    >>> promised_std((30, 25))
    0.2
    """
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    return gain / math.sqrt(fans(shape, batch_dims).fan_in)
