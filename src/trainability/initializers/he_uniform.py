"""He (Kaiming) initialization from a uniform law."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._fans import Mode, fan
from trainability.initializers._gains import Nonlinearity, gain_of
from trainability.initializers._members import Generators, PerMember, member_values


def he_uniform_(
    tensor: Tensor,
    gain: PerMember | None = None,
    *,
    mode: Mode = "fan_in",
    nonlinearity: Nonlinearity = "relu",
    a: float | None = None,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a weight from a uniform law that keeps the signal's second moment through an activation, in place.

    w ~ U[-c, c),  c = gain · √(3 / fan), so that std = gain / √fan.  For ReLU gain = √2 and Var w = 2 / fan.

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: factor on the standard deviation, >= 0, or one per member, shape `(E,)`. None takes the gain of
            `nonlinearity`; a number sets `nonlinearity` aside.
        mode: "fan_in" keeps the forward signal, "fan_out" the gradient; "fan_avg" and "fan_geo_avg" divide by
            the arithmetic and the geometric mean of both fans.
        nonlinearity: what stands before this weight (with "fan_out": behind it): a name, a NumPy function, or a
            torch function or module such as `nn.GELU()`. The gain is that of
            `trainability.theory.gain.gain`, which is not torch's for tanh, sigmoid and SELU.
        a: slope of a leaky ReLU below 0, as torch calls it; None is 0 for "relu" and 0.01 for "leaky_relu".
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: no fans, a fan of 0, an unknown mode, a negative gain, a wrong number of values or
            generators, or an activation that is not elementwise and finite.
        UnknownNameError: no activation has that name.

    Source: variance from He et al. 2015, eq. 10 (forward, fan_in) and eq. 14 (backward, fan_out); the uniform
    law is `torch.nn.init.kaiming_uniform_`.

    >>> import torch
    >>> he_uniform_(torch.empty(100, 30, 20), batch_dims=1).shape
    torch.Size([100, 30, 20])
    """
    std = promised_std(tensor.shape, gain, mode=mode, nonlinearity=nonlinearity, a=a, batch_dims=batch_dims)
    bound = math.sqrt(3.0) * std
    return draw_uniform_(tensor, -bound, bound, batch_dims=batch_dims, generator=generator)


def promised_std(
    shape: Sequence[int],
    gain: PerMember | None = None,
    *,
    mode: Mode = "fan_in",
    nonlinearity: Nonlinearity = "relu",
    a: float | None = None,
    batch_dims: int = 0,
) -> PerMember:
    """Give the standard deviation that `he_uniform_` promises: gain / √fan.

    >>> round(promised_std((30, 50)), 6)
    0.2
    """
    chosen = gain_of(nonlinearity, a) if gain is None else gain
    chosen = member_values("gain", chosen, shape, batch_dims, least=0.0)
    return chosen / math.sqrt(fan(shape, mode, batch_dims))
