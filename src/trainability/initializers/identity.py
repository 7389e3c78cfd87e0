"""The identity, as a matrix or as a convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._delta import centre
from trainability.initializers._fans import fans, own_shape
from trainability.initializers._members import Generators, PerMember, against, member_values


def identity_(tensor: Tensor, gain: PerMember = 1.0, *, batch_dims: int = 0, generator: Generators = None) -> Tensor:
    """Fill a weight with a multiple of the identity, in place.

    w[i, i, middle] = gain for i < min(out, in), zero elsewhere.

    A recurrent ReLU layer with the identity keeps its state (gain 1). Where out > in the units past the input's
    size have no weights.

    Args:
        tensor: `(out, in, *kernel)`; a stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        gain: the value on the diagonal, finite, or one per member, shape `(E,)`.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: not used; accepted so that all initializers are called alike.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: fewer than two dimensions per member, an empty one, or a wrong number of values.

    Source: `torch.nn.init.eye_` for matrices, `torch.nn.init.dirac_` for kernels; the recurrent use is Le, Jaitly &
    Hinton 2015, arXiv 1504.00941.

    >>> identity_(torch.empty(2, 3), gain=0.5)
    tensor([[0.5000, 0.0000, 0.0000],
            [0.0000, 0.5000, 0.0000]])
    """
    fans(tensor.shape, batch_dims)
    gain = member_values("gain", gain, tensor.shape, batch_dims)
    with torch.no_grad():
        tensor.zero_()
        diagonal = centre(tensor, batch_dims).diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(torch.as_tensor(against(gain, diagonal)).expand_as(diagonal))
    return tensor


def promised_std(shape: Sequence[int], gain: PerMember = 1.0, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation over all entries: |gain| √(p (1 - p)), p the share of entries that are not zero.

    >>> promised_std((2, 2))
    0.5
    """
    fans(shape, batch_dims)
    gain = member_values("gain", gain, shape, batch_dims)
    own = own_shape(shape, batch_dims)
    p = min(own[:2]) / math.prod(own)
    size: PerMember = gain.abs() if isinstance(gain, torch.Tensor) else abs(gain)
    return size * math.sqrt(p * (1 - p))
