"""The two fans of a weight, read behind the dimensions that only count members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]


class Fans(NamedTuple):
    """The number of inputs that one output sums over, and of outputs that one input reaches."""

    fan_in: int
    fan_out: int


def fans(shape: Sequence[int], batch_dims: int = 0) -> Fans:
    """Give fan_in and fan_out of one member's weight, in torch's layout (out, in, *kernel).

    fan_in = in · ∏ kernel,  fan_out = out · ∏ kernel.

    Args:
        shape: shape of the weight, `(*members, out, in, *kernel)`.
        batch_dims: how many leading dimensions count members, >= 0.

    Returns:
        `Fans(fan_in, fan_out)`, both >= 1.

    Raises:
        ValueError: fewer than two dimensions are left behind the members, or a fan is 0.

    Source: `torch.nn.init._calculate_fan_in_and_fan_out`, for `batch_dims=0`.

    >>> fans((64, 3, 5, 5))
    Fans(fan_in=75, fan_out=1600)
    >>> fans((100, 30, 20), batch_dims=1)
    Fans(fan_in=20, fan_out=30)
    """
    own = own_shape(shape, batch_dims)
    if len(own) < 2:
        raise ValueError(
            f"Fans of a weight of shape {tuple(shape)} with batch_dims={batch_dims}: given {len(own)} "
            "dimension(s) per member, needed at least 2, (out, in, ...). Use an initializer without fans "
            "(zeros, constant, uniform, normal), or a smaller batch_dims."
        )
    kernel = math.prod(own[2:])
    result = Fans(own[1] * kernel, own[0] * kernel)
    if min(result) == 0:
        raise ValueError(
            f"Fans of a weight of shape {tuple(shape)} with batch_dims={batch_dims}: given {result}, "
            "needed both at least 1. Leave out weights without entries."
        )
    return result


def fan(shape: Sequence[int], mode: Mode, batch_dims: int = 0) -> float:
    """Give the one fan that `mode` asks for: fan_in, fan_out, or a mean of the two.

    Args:
        shape: shape of the weight, `(*members, out, in, *kernel)`.
        mode: "fan_in" keeps the forward signal, "fan_out" the gradient; "fan_avg", (fan_in + fan_out) / 2, and
            "fan_geo_avg", √(fan_in · fan_out), are compromises.
        batch_dims: how many leading dimensions count members, >= 0.

    Returns:
        The fan, >= 1.

    Raises:
        ValueError: an unknown mode, or what `fans` raises.

    >>> fan((30, 20), "fan_avg")
    25.0
    """
    fan_in, fan_out = fans(shape, batch_dims)
    known = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }
    if mode not in known:
        raise ValueError(f"mode: given {mode!r}, needed one of {', '.join(known)}.")
    return known[mode]


def own_shape(shape: Sequence[int], batch_dims: int) -> tuple[int, ...]:
    """Give the shape of one member: `shape` without its first `batch_dims` dimensions.

    Raises:
        ValueError: `batch_dims` is negative or larger than the number of dimensions.

    >>> own_shape((100, 30, 20), 1)
    (30, 20)
    """
    if not 0 <= batch_dims <= len(shape):
        raise ValueError(
            f"batch_dims: given {batch_dims} for a tensor of shape {tuple(shape)}, needed 0 to {len(shape)}. "
            "Pass the number of leading dimensions that count members."
        )
    return tuple(shape[batch_dims:])
