"""Convolutions that are an orthogonal matrix at the middle of the kernel and zero elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._delta import centre
from trainability.initializers._fans import fans, own_shape
from trainability.initializers._members import Generators, PerMember, member_values
from trainability.initializers._orthogonal import draw_orthogonal_


def delta_orthogonal_(
    tensor: Tensor, gain: PerMember = 1.0, *, batch_dims: int = 0, generator: Generators = None
) -> Tensor:
    """Fill a convolution's weight with a random orthogonal matrix at the middle of the kernel, in place.

    w[:, :, middle] = gain · Q, Q uniform (Haar) with Qᵀ Q = 1 for out >= in and Q Qᵀ = 1 otherwise; zero elsewhere.

    With stride 1, an odd kernel and size-keeping padding such a layer multiplies the norm of every image by gain,
    if out >= in; with out < in it drops in - out directions. A matrix is filled as by `orthogonal_`.

    Args:
        tensor: `(out, in, *kernel)`, floating point; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: the singular value, >= 0, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: fewer than two dimensions per member, an empty one, a negative gain, or a wrong number of
            values or generators.

    Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington 2018, "Dynamical isometry and a mean field theory
    of CNNs", arXiv 1806.05393 (there for out >= in only).

    >>> layer = torch.nn.Conv2d(4, 4, 3, padding=1, bias=False)
    >>> _ = delta_orthogonal_(layer.weight)
    >>> x = torch.randn(1, 4, 8, 8)
    >>> torch.allclose(layer(x).norm(), x.norm())
    True
    """
    fans(tensor.shape, batch_dims)
    gain = member_values("gain", gain, tensor.shape, batch_dims, least=0.0)
    with torch.no_grad():
        tensor.zero_()
        draw_orthogonal_(centre(tensor, batch_dims), gain, batch_dims=batch_dims, generator=generator)
    return tensor


def promised_std(shape: Sequence[int], gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation over all entries, zeros included: gain / √(max(out, in) · ∏kernel).

    >>> promised_std((5, 4, 5))
    0.2
    """
    fans(shape, batch_dims)
    gain = member_values("gain", gain, shape, batch_dims, least=0.0)
    out, fan_in, *kernel = own_shape(shape, batch_dims)
    return gain / math.sqrt(max(out, fan_in) * math.prod(kernel))
