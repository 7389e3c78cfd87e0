"""The bias that `torch.nn.Linear` and `torch.nn.Conv*d` draw when nobody says anything."""

from __future__ import annotations

import math

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._fans import own_shape
from trainability.initializers._members import Generators, PerMember, member_values
from trainability.initializers.biases._weight import beside


def torch_default_(
    bias: Tensor,
    weight: Tensor | None = None,
    gain: PerMember = 1.0,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a bias as torch's own linear and convolution layers do, in place.

    b ~ U[-c, c),  c = gain / √fan_in. For one input the corners -b/w of torch's layers are then as often outside
    [-1, 1] as inside.

    Args:
        bias: `(out,)`, floating point; a stack is `(E, out)` with `batch_dims=1`.
        weight: `(out, in, *kernel)` of the same layer, for its fan_in; 0 inputs give b = 0.
        gain: factor on the bound, >= 0, or one per member, shape `(E,)`; 1 is torch's law.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `bias` itself.

    Raises:
        ValueError: no weight or one of another layer, a negative gain, or a wrong number of values or generators.

    Source: `torch.nn.Linear.reset_parameters`.

    >>> import torch
    >>> b = torch_default_(torch.empty(30), torch.empty(30, 25))
    >>> bool(b.abs().max() <= 0.2)
    True
    """
    weight = beside(bias, weight, batch_dims, "torch_default")
    gain = member_values("gain", gain, bias.shape, batch_dims, least=0.0)
    fan_in = math.prod(own_shape(weight.shape, batch_dims)[1:])
    bound = gain * (1 / math.sqrt(fan_in) if fan_in else 0.0)
    return draw_uniform_(bias, -bound, bound, batch_dims=batch_dims, generator=generator)
