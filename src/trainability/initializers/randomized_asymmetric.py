"""Randomized asymmetric initialization: one positive entry in every row of [w, b], against dead ReLU networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._draw import check_floating
from trainability.initializers._fans import fans
from trainability.initializers._members import Generators, PerMember, against, member_values

SIGMA = 0.6007
"""The published σ."""


def randomized_asymmetric_(
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    sigma: PerMember = SIGMA,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill weight and bias together so that every unit leans to the positive side, in place.

    Each row [w, b], d + 1 long, is N(0, σ² / d); then one entry of it, chosen uniformly, is replaced by a number from
    the Beta(2, 1) law (density 2z on [0, 1], drawn as √U).

    Symmetric schemes leave narrow deep ReLU networks dead at birth with high probability; here every row has one
    entry that is positive and not small. Without a bias the row is w alone.

    Args:
        weight: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        bias: `(out,)`, or `(E, out)`; filled too. None for a layer without one.
        sigma: σ >= 0, or one per member, shape `(E,)`; d is fan_in.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `weight` itself.

    Raises:
        ValueError: no fans, a fan of 0, a bias of another shape, a negative σ, or a wrong number of values or
            generators.

    Source: Lu, Shin, Su & Karniadakis 2020, "Dying ReLU and initialization: theory and numerical examples", Commun.
    Comput. Phys. 28, 1671-1706 (arXiv 1903.06733); σ as in the authors' code.

    >>> w, b = torch.empty(30, 20), torch.empty(30)
    >>> _ = randomized_asymmetric_(w, b, sigma=0.0)
    >>> (torch.cat([w, b[:, None]], 1) > 0).sum(1).unique()
    tensor([1])
    """
    check_floating(weight)
    fan_in = fans(weight.shape, batch_dims).fan_in
    sigma = member_values("sigma", sigma, weight.shape, batch_dims, least=0.0)
    rows = weight.shape[: batch_dims + 1]
    if bias is not None and bias.shape != rows:
        raise ValueError(
            f"bias: given shape {tuple(bias.shape)} beside a weight of shape {tuple(weight.shape)} with "
            f"batch_dims={batch_dims}, needed {tuple(rows)}."
        )
    shape = (*rows, fan_in + (bias is not None))
    # Half precision is drawn in float32, so that √U keeps its law.
    dtype = torch.float64 if weight.dtype == torch.float64 else torch.float32
    with torch.no_grad():
        if isinstance(generator, Sequence):
            members = math.prod(weight.shape[:batch_dims])
            if len(generator) != members:
                raise ValueError(
                    f"generator: given {len(generator)} generators for {members} member(s), needed one per member, "
                    "or one for all."
                )
            drawn = [_draw(shape[batch_dims:], g, dtype, weight.device) for g in generator]
            parts = [torch.stack([d[i] for d in drawn]) if drawn else None for i in range(3)]
            if not drawn:
                return weight
            normal, place, beta = (p.reshape(*weight.shape[:batch_dims], *p.shape[1:]) for p in parts if p is not None)
        else:
            normal, place, beta = _draw(shape, generator, dtype, weight.device)
        joint = normal * (against(sigma, normal) if isinstance(sigma, Tensor) else sigma) / math.sqrt(fan_in)
        joint.scatter_(-1, place, beta)
        weight.copy_(joint[..., :fan_in].reshape(weight.shape))
        if bias is not None:
            bias.copy_(joint[..., fan_in])
    return weight


def _draw(
    shape: Sequence[int], generator: torch.Generator | None, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw standard normals for every entry, and for every row a place in it and a Beta(2, 1) number."""
    normal = torch.empty(tuple(shape), dtype=dtype, device=device).normal_(generator=generator)
    place = torch.empty((*shape[:-1], 1), dtype=torch.int64, device=device)
    place.random_(0, shape[-1], generator=generator)
    beta = torch.empty((*shape[:-1], 1), dtype=dtype, device=device).uniform_(0, 1, generator=generator).sqrt_()
    return normal, place, beta


def promised_std(
    shape: Sequence[int], bias: Tensor | None = None, *, sigma: PerMember = SIGMA, batch_dims: int = 0
) -> PerMember:
    """Give the standard deviation of one weight, over the draw of all weights.

    Var w = (1 - p) σ² / d + p / 2 - (2p / 3)², with p = 1 / (d + 1), or 1 / d without a bias. The mean is 2p / 3.

    >>> round(promised_std((30, 20), sigma=0.0), 6)
    0.15456
    """
    fan_in = fans(shape, batch_dims).fan_in
    sigma = member_values("sigma", sigma, shape, batch_dims, least=0.0)
    p = 1 / (fan_in + (bias is not None))
    return ((1 - p) * sigma**2 / fan_in + p / 2 - (2 * p / 3) ** 2) ** 0.5
