"""A normal law cut at two bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr
from scipy.stats import truncnorm
from torch import Tensor

from trainability.initializers._draw import check_floating, packed_
from trainability.initializers._members import Generators, PerMember, against, by_member_, member_values


def truncated_normal_(
    tensor: Tensor,
    mean: PerMember = 0.0,
    std: PerMember = 1.0,
    a: PerMember = -2.0,
    b: PerMember = 2.0,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a tensor from a normal law of which only the part in [a, b] is kept, in place.

    Density ∝ exp(-(w - mean)² / (2 std²)) on [a, b].

    As in torch the bounds are weights and not multiples of std: with std = 0.02 and the default bounds nothing is
    cut. Cut at 2 std, a law has 0.8796 of the standard deviation it started with.

    Args:
        tensor: any shape, floating point; a stack is `(E, ...)` with `batch_dims=1`.
        mean: of the law before the cut, finite, or one per member, shape `(E,)`.
        std: of the law before the cut, > 0, or one per member.
        a: lower bound, or one per member.
        b: upper bound, above `a`, or one per member.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: std not above 0, b not above a, [a, b] more than 30 std away from the mean, or the number of
            values or generators is not the number of members.

    Source: `torch.nn.init.trunc_normal_`, which draws wherever the values do not differ by member; elsewhere the
    inverse of the distribution function.

    >>> w = truncated_normal_(torch.empty(3, 1000), std=torch.tensor([0.1, 1.0, 9.0]), batch_dims=1)
    >>> bool((w.abs() <= 2).all())
    True
    """
    check_floating(tensor)
    values = _checked(tensor.shape, mean, std, a, b, batch_dims)
    with torch.no_grad():
        if isinstance(generator, Sequence):
            return by_member_(tensor, _as_torch_, values, generator, batch_dims)
        if any(isinstance(value, Tensor) for value in values):
            return _by_inverse_(tensor, *values, generator)
        m, s, low, high = (float(value) for value in values)
        return _as_torch_(tensor, m, s, low, high, generator)


def _as_torch_(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: torch.Generator | None
) -> Tensor:
    if not a - 2 * std <= mean <= b + 2 * std:  # where torch warns
        return _by_inverse_(tensor, mean, std, a, b, generator)
    return packed_(tensor, lambda t: torch.nn.init.trunc_normal_(t, mean, std, a, b, generator=generator))


def _by_inverse_(
    tensor: Tensor, mean: PerMember, std: PerMember, a: PerMember, b: PerMember, generator: torch.Generator | None
) -> Tensor:
    m, s, low, high = (torch.as_tensor(value, dtype=torch.float64) for value in (mean, std, a, b))
    alpha, beta = (low - m) / s, (high - m) / s
    # Right of the mean the distribution function is 1 up to rounding: draw the mirror image there.
    turned = alpha > 0
    alpha, beta = torch.where(turned, -beta, alpha), torch.where(turned, -alpha, beta)
    sign = torch.where(turned, -1.0, 1.0).double()
    # torch.special.ndtr is 0 below -8.3.
    below, above = (torch.from_numpy(np.asarray(ndtr(end.numpy()))) for end in (alpha, beta))
    kind = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    u = torch.empty(tensor.shape, dtype=kind, device=tensor.device).uniform_(0, 1, generator=generator).double()
    place = [against(value, u) if value.ndim else value for value in (m, s * sign, below, above)]
    drawn = torch.special.ndtri(place[2] + u * (place[3] - place[2])).mul_(place[1]).add_(place[0])
    bounds = [against(value, u) if value.ndim else value for value in (low, high)]
    return tensor.copy_(drawn.clamp_(*(torch.as_tensor(bound, device=u.device) for bound in bounds)))


def _checked(
    shape: Sequence[int], mean: PerMember, std: PerMember, a: PerMember, b: PerMember, batch_dims: int
) -> tuple[PerMember, PerMember, PerMember, PerMember]:
    mean = member_values("mean", mean, shape, batch_dims)
    std = member_values("std", std, shape, batch_dims, least=0.0)
    a, b = member_values("a", a, shape, batch_dims), member_values("b", b, shape, batch_dims)
    width, tail = torch.as_tensor(b - a), torch.as_tensor(std)
    if not bool((tail > 0).all()):
        raise ValueError("std: given 0, needed a number above 0. Use constant_ for one value everywhere.")
    if not bool((width > 0).all()):
        raise ValueError(f"b minus a: given {width.min():g}, needed a number above 0.")
    away = torch.maximum(torch.as_tensor((a - mean) / std), torch.as_tensor((mean - b) / std)).max() if shape else None
    if away is not None and away > 30:
        raise ValueError(f"a, b: given bounds {away:g} std away from the mean, needed at most 30.")
    return mean, std, a, b


def promised_std(
    shape: Sequence[int],
    mean: PerMember = 0.0,
    std: PerMember = 1.0,
    a: PerMember = -2.0,
    b: PerMember = 2.0,
    *,
    batch_dims: int = 0,
) -> PerMember:
    """Give the standard deviation that `truncated_normal_` promises, that of the law after the cut.

    >>> round(promised_std((30, 20)), 6)
    0.879626
    """
    m, s, low, high = (np.asarray(value) for value in _checked(shape, mean, std, a, b, batch_dims))
    found = np.asarray(truncnorm.std((low - m) / s, (high - m) / s, loc=m, scale=s))
    return float(found) if found.ndim == 0 else torch.from_numpy(found)
