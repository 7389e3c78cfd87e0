"""Xavier (Glorot) initialization from a normal law."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_normal_
from trainability.initializers._fans import Mode, fan, fans
from trainability.initializers._members import Generators, PerMember, member_values


def xavier_normal_(
    tensor: Tensor,
    gain: PerMember = 1.0,
    *,
    mode: Mode = "fan_avg",
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a weight from a normal law with Glorot and Bengio's variance, in place.

    w ~ N(0, std²),  std = gain · √(2 / (fan_in + fan_out)): the harmonic mean of the variance that keeps the
    forward signal of a linear layer, 1/fan_in, and of the one that keeps its gradient, 1/fan_out.

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: factor on the standard deviation, >= 0, or one per member, shape `(E,)`.
        mode: "fan_avg" is Glorot's. "fan_in" is the form of many lecture notes, Var w = gain² / fan_in, which is
            LeCun's; "fan_out" and "fan_geo_avg", √(fan_in · fan_out), in the same way.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: no fans, a fan of 0, an unknown mode, a negative gain, or a wrong number of values or generators.

    Source: variance from Glorot & Bengio 2010, eq. 12; the normal law is `torch.nn.init.xavier_normal_`.

    >>> import torch
    >>> xavier_normal_(torch.empty(30, 20)).shape
    torch.Size([30, 20])
    """
    std = promised_std(tensor.shape, gain, mode=mode, batch_dims=batch_dims)
    return draw_normal_(tensor, 0.0, std, batch_dims=batch_dims, generator=generator)


def promised_std(
    shape: Sequence[int], gain: PerMember = 1.0, *, mode: Mode = "fan_avg", batch_dims: int = 0
) -> PerMember:
    """Give the standard deviation that `xavier_normal_` promises: gain · √(2 / (fan_in + fan_out)), or gain / √fan.

    >>> promised_std((30, 20))
    0.2
    """
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    if mode == "fan_avg":  # in torch's order of operations, so that the same generator gives the same bits
        return gain * math.sqrt(2.0 / float(sum(fans(shape, batch_dims))))
    return gain / math.sqrt(fan(shape, mode, batch_dims))
