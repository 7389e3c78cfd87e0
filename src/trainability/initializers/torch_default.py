"""What `torch.nn.Linear` and `torch.nn.Conv*d` draw when nobody says anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._fans import fans
from trainability.initializers._members import Generators, PerMember, member_values

# 1/√3, with the rounding of torch's kaiming_uniform_(a=√5), so that the same generator gives the same bits.
_GAIN = math.sqrt(2.0 / (1 + math.sqrt(5) ** 2))


def torch_default_(
    tensor: Tensor, gain: PerMember = 1.0, *, batch_dims: int = 0, generator: Generators = None
) -> Tensor:
    """Fill a weight as torch's own linear and convolution layers do, in place.

    w ~ U[-c, c),  c = gain / √fan_in, so that std = gain / √(3 fan_in): at gain 1 a third of LeCun's variance
    and a sixth of He's, which is why plain deep networks left at the default lose their signal.

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: factor on torch's standard deviation, >= 0, or one per member, shape `(E,)`; 1 is torch's law.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: no fans, a fan of 0, a negative gain, or a wrong number of values or generators.

    Source: `torch.nn.Linear.reset_parameters`, which calls `kaiming_uniform_(weight, a=sqrt(5))`.

    >>> import torch
    >>> w = torch_default_(torch.empty(30, 25))
    >>> bool(w.abs().max() <= 0.2)
    True
    """
    bound = math.sqrt(3.0) * promised_std(tensor.shape, gain, batch_dims=batch_dims)
    return draw_uniform_(tensor, -bound, bound, batch_dims=batch_dims, generator=generator)


def promised_std(shape: Sequence[int], gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation that `torch_default_` promises: gain / √(3 fan_in).

    >>> round(promised_std((30, 12)), 6)
    0.166667
    """
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    return gain * (_GAIN / math.sqrt(fans(shape, batch_dims).fan_in))
