"""Xavier (Glorot) initialization from a uniform law: the "normalized initialization"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._fans import Mode, fan, fans
from trainability.initializers._members import Generators, PerMember, member_values


def xavier_uniform_(
    tensor: Tensor,
    gain: PerMember = 1.0,
    *,
    mode: Mode = "fan_avg",
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a weight from Glorot and Bengio's uniform law, in place.

    w ~ U[-c, c),  c = gain · √(6 / (fan_in + fan_out)), so that std = gain · √(2 / (fan_in + fan_out)).

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

    Source: Glorot & Bengio 2010, eq. 16.

    >>> import torch
    >>> w = xavier_uniform_(torch.empty(30, 20))
    >>> bool(w.abs().max() <= (6 / 50) ** 0.5)
    True
    """
    bound = math.sqrt(3.0) * promised_std(tensor.shape, gain, mode=mode, batch_dims=batch_dims)
    return draw_uniform_(tensor, -bound, bound, batch_dims=batch_dims, generator=generator)


def promised_std(
    shape: Sequence[int], gain: PerMember = 1.0, *, mode: Mode = "fan_avg", batch_dims: int = 0
) -> PerMember:
    """Give the standard deviation that `xavier_uniform_` promises: gain · √(2 / (fan_in + fan_out)), or gain / √fan.

    >>> promised_std((30, 20))
    0.2
    """
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    if mode == "fan_avg":  # in torch's order of operations, so that the same generator gives the same bits
        return gain * math.sqrt(2.0 / float(sum(fans(shape, batch_dims))))
    return gain / math.sqrt(fan(shape, mode, batch_dims))
