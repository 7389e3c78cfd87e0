"""Biases that put the corner of every ReLU where the data are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._draw import check_floating
from trainability.initializers._members import Generators
from trainability.initializers.biases._weight import beside


def elbow_placing_(
    bias: Tensor,
    weight: Tensor | None = None,
    inputs: Tensor | None = None,
    low: float = 0.05,
    high: float = 0.95,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a bias so that each unit's corner, w·x + b = 0, splits the data at a share drawn for it, in place.

    b_i = -Q(u_i),  Q the quantile function of w_i·x over the data,  u_i = low + (high - low) (π(i) + U_i) / out,

    with π a random order of the units and U_i uniform on [0, 1): the shares are spread evenly over [low, high]. A
    ReLU is then 0 on the share u_i of the data, so none is dead and none linear on all of them. With b ~ w instead,
    as in torch's layers, the corners of a layer with one input are Cauchy and half of them miss [-1, 1].

    Args:
        bias: `(out,)`, floating point; a stack is `(E, out)` with `batch_dims=1`.
        weight: `(out, in)` of the same layer, already drawn; a stack is `(E, out, in)`.
        inputs: what the layer gets, `(n, in)` with n >= 2, the same for all members, or `(E, n, in)`.
        low: smallest share of the data on the side where the unit is 0, from 0 to `high`.
        high: largest share, up to 1.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `bias` itself.

    Raises:
        ValueError: no weight or inputs, shapes that do not fit, fewer than 2 inputs, inputs that are not finite,
            bounds out of order, or a wrong number of generators.

    Source: this package.

    >>> w, x = torch.randn(40, 1), torch.linspace(-1, 1, 101)[:, None]
    >>> b = elbow_placing_(torch.empty(40), w, x)
    >>> bool(((-b / w[:, 0]).abs() <= 0.9001).all())
    True
    """
    weight = beside(bias, weight, batch_dims, "elbow_placing")
    if inputs is None:
        raise ValueError("elbow_placing: given no inputs, needed the data that the layer gets, (n, in).")
    rows = weight.flatten(batch_dims + 1)
    members = tuple(weight.shape[:batch_dims])
    if inputs.shape[-1:] != rows.shape[-1:] or tuple(inputs.shape[:-2]) not in ((), members) or inputs.ndim < 2:
        raise ValueError(
            f"elbow_placing: given inputs of shape {tuple(inputs.shape)} for a weight of shape {tuple(weight.shape)}, "
            f"needed (n, {rows.shape[-1]}), or {members} in front."
        )
    with torch.no_grad():
        return place_(bias, inputs.to(weight) @ rows.mT, low, high, batch_dims=batch_dims, generator=generator)


def place_(
    bias: Tensor, projections: Tensor, low: float, high: float, *, batch_dims: int = 0, generator: Generators = None
) -> Tensor:
    """Fill `bias` from w·x over the data, `(*members, n, out)`; see `elbow_placing_`."""
    check_floating(bias)
    n = projections.shape[-2]
    if n < 2:
        raise ValueError(f"elbow_placing: given {n} input(s), needed at least 2 to have corners between them.")
    if not 0 <= low <= high <= 1:
        raise ValueError(f"low, high: given {low:g}, {high:g}, needed 0 <= low <= high <= 1.")
    if not bool(projections.isfinite().all()):
        raise ValueError("elbow_placing: given weights or inputs that are not finite, needed finite numbers.")
    order, jitter = _two_uniforms(bias, batch_dims, generator)
    share = low + (high - low) * (order.argsort(-1) + jitter) / max(1, bias.shape[-1])
    ordered = projections.double().sort(-2).values
    place = (share * (n - 1)).unsqueeze(-2)
    left = place.floor().long().clamp(0, n - 2)
    corner = torch.lerp(ordered.gather(-2, left), ordered.gather(-2, left + 1), place - left)
    with torch.no_grad():
        return bias.copy_(-corner.squeeze(-2))


def _two_uniforms(bias: Tensor, batch_dims: int, generator: Generators) -> tuple[Tensor, Tensor]:
    def draw(shape: Sequence[int], own: torch.Generator | None) -> Tensor:
        return torch.rand((2, *shape), dtype=torch.float64, device=bias.device, generator=own)

    if not isinstance(generator, Sequence):
        both = draw(bias.shape, generator)
        return both[0], both[1]
    members = math.prod(bias.shape[:batch_dims])
    if len(generator) != members:
        raise ValueError(
            f"generator: given {len(generator)} generators for {members} member(s), needed one per member, or one for all."
        )
    each = [draw(bias.shape[batch_dims:], own) for own in generator]
    both = torch.stack(each, 1) if each else draw(bias.shape, None)
    return both[0].reshape(bias.shape), both[1].reshape(bias.shape)
