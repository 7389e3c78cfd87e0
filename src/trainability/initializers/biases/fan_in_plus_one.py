"""The bias as one more weight: a fan of d + 1 for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trainability.initializers._fans import fans
from trainability.initializers._members import Generators
from trainability.initializers.biases._weight import beside
from trainability.initializers.lecun_normal import lecun_normal_


def fan_in_plus_one_(
    bias: Tensor,
    weight: Tensor | None = None,
    scheme: Callable[..., Any] = lecun_normal_,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
    **options: Any,
) -> Tensor:
    """Draw weight and bias together, the bias as the weight of an input that is always 1, in place.

    [w, b] ~ scheme for a matrix (out, d + 1), d = in · ∏kernel. With LeCun's scheme w and b are N(0, 1 / (d + 1)),
    with He's N(0, 2 / (d + 1)); on inputs of mean square 1 the mean
    square of pre-activations over draws is then gain².
    A kernel counts as d inputs of one matrix, so its fan_out is out.

    Args:
        bias: `(out,)`, floating point; a stack is `(E, out)` with `batch_dims=1`.
        weight: `(out, in, *kernel)` of the same layer; drawn anew.
        scheme: an initializer of this package, called with `batch_dims=`, `generator=` and `options`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.
        options: for the scheme: `gain=`, `mode=`, ...

    Returns:
        `bias` itself.

    Raises:
        ValueError: no weight or one of another layer, or what the scheme raises.

    Source: lecture notes on initialization, first of four ways to start a bias ("treat fan-in as d + 1 and use Xavier
    initialization", which is N(0, 1/d) there).

    >>> w, b = torch.empty(4000, 3), torch.empty(4000)
    >>> _ = fan_in_plus_one_(b, w, generator=torch.Generator().manual_seed(0))
    >>> [round(t.std().item(), 1) for t in (w, b)]
    [0.5, 0.5]
    """
    weight = beside(bias, weight, batch_dims, "fan_in_plus_one")
    fan_in = fans(weight.shape, batch_dims).fan_in
    joint = torch.empty((*bias.shape, fan_in + 1), dtype=weight.dtype, device=weight.device)
    scheme(joint, batch_dims=batch_dims, generator=generator, **options)
    with torch.no_grad():
        weight.copy_(joint[..., :fan_in].reshape((*bias.shape, *weight.shape[bias.ndim :])))
        bias.copy_(joint[..., fan_in])
    return bias
