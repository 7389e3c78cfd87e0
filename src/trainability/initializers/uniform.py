"""A uniform law with bounds given by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._draw import draw_uniform_
from trainability.initializers._members import Generators, PerMember, member_values


def uniform_(
    tensor: Tensor,
    a: PerMember = 0.0,
    b: PerMember = 1.0,
    r: PerMember | None = None,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a tensor from a uniform law whose bounds do not know the size of the layer, in place.

    w ~ U[a, b),  Var w = (b - a)² / 12;  with r: w ~ U[-r, r),  Var w = r² / 3.

    Args:
        tensor: any shape, floating point; a stack is `(E, ...)` with `batch_dims=1`.
        a: lower bound, finite, or one per member, shape `(E,)`.
        b: upper bound, finite, at least `a`, or one per member, shape `(E,)`.
        r: in place of both, the radius of a law around 0, >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: a bound is not finite, b < a, a negative r, r beside other bounds, or the number of values or
            generators is not the number of members.

    Source: `torch.nn.init.uniform_`.

    >>> import torch
    >>> w = uniform_(torch.empty(3, 1000), r=torch.tensor([0.1, 1.0, 10.0]), batch_dims=1)
    >>> bool((w.abs().amax(1) <= torch.tensor([0.1, 1.0, 10.0])).all())
    True
    """
    low, high = _bounds(tensor.shape, a, b, r, batch_dims)
    return draw_uniform_(tensor, low, high, batch_dims=batch_dims, generator=generator)


def _bounds(
    shape: Sequence[int], a: PerMember, b: PerMember, r: PerMember | None, batch_dims: int
) -> tuple[PerMember, PerMember]:
    if r is None:
        return member_values("a", a, shape, batch_dims), member_values("b", b, shape, batch_dims)
    if isinstance(a, Tensor) or isinstance(b, Tensor) or (a, b) != (0.0, 1.0):
        raise ValueError(f"r: given {r} beside a={a} and b={b}, needed either r or the two bounds.")
    r = member_values("r", r, shape, batch_dims, least=0.0)
    return -r, r


def promised_std(
    shape: Sequence[int], a: PerMember = 0.0, b: PerMember = 1.0, r: PerMember | None = None, *, batch_dims: int = 0
) -> PerMember:
    """Give the standard deviation that `uniform_` promises: (b - a) / √12, around (a + b) / 2.

    >>> round(promised_std((30, 20), -1.0, 1.0), 6), round(promised_std((30, 20), r=1.0), 6)
    (0.57735, 0.57735)
    """
    low, high = _bounds(shape, a, b, r, batch_dims)
    return (high - low) / math.sqrt(12.0)
