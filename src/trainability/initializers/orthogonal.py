"""Random orthogonal weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from trainability.initializers._fans import fans, own_shape
from trainability.initializers._members import Generators, PerMember, member_values
from trainability.initializers._orthogonal import draw_orthogonal_


def orthogonal_(tensor: Tensor, gain: PerMember = 1.0, *, batch_dims: int = 0, generator: Generators = None) -> Tensor:
    """Fill a weight with a scaled random orthogonal matrix, in place.

    W = gain · Q, Q of shape (out, in·∏kernel), uniform (Haar) over the matrices with Q Qᵀ = 1 if out <=
    in·∏kernel and Qᵀ Q = 1 otherwise: Q from the QR decomposition of a normal matrix, its columns times the
    signs of R's diagonal. All singular values are `gain`; an entry has mean 0 and variance gain² / max(out,
    in·∏kernel).

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`,
            and every member is orthogonal by itself.
        gain: the singular value, >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: fewer than two dimensions per member, an empty one, a negative gain, or a wrong number of
            values or generators.

    Source: Saxe, McClelland & Ganguli 2014, sec. 3 (random orthogonal initial conditions); sign fix from
    Mezzadri 2007, sec. 5, as in `torch.nn.init.orthogonal_`.

    >>> import torch
    >>> w = orthogonal_(torch.empty(5, 3, 4), batch_dims=1)
    >>> torch.allclose(w @ w.mT, torch.eye(3).expand(5, 3, 3), atol=1e-5)
    True
    """
    fans(tensor.shape, batch_dims)
    gain = member_values("gain", gain, tensor.shape, batch_dims, least=0.0)
    return draw_orthogonal_(tensor, gain, batch_dims=batch_dims, generator=generator)


def promised_std(shape: Sequence[int], gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation that `orthogonal_` promises for an entry: gain / √max(out, in·∏kernel).

    >>> promised_std((25, 20))
    0.2
    """
    fan_in, _ = fans(shape, batch_dims)
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    return gain / math.sqrt(max(own_shape(shape, batch_dims)[0], fan_in))
