"""Draw Haar-distributed orthogonal matrices into a tensor or into each member of a stack."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._draw import check_floating
from trainability.initializers._fans import own_shape
from trainability.initializers._members import Generators, PerMember, against, by_member_


def draw_orthogonal_(tensor: Tensor, gain: PerMember, *, batch_dims: int, generator: Generators) -> Tensor:
    """Fill `tensor`, read as (out, in·∏kernel) per member, with gain · Q; `gain` is checked by `member_values`."""
    check_floating(tensor)
    with torch.no_grad():
        if isinstance(generator, Sequence):
            return by_member_(tensor, _fill_, (gain,), generator, batch_dims)
        return _fill_(tensor, gain, generator, batch_dims)


def _fill_(tensor: Tensor, gain: PerMember, generator: torch.Generator | None, batch_dims: int = 0) -> Tensor:
    rows, *rest = own_shape(tensor.shape, batch_dims)
    # LAPACK has no half precision: those are drawn and factorised in float32.
    dtype = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
    shape = (*tensor.shape[:batch_dims], rows, math.prod(rest))
    matrix = torch.empty(shape, dtype=dtype, device=tensor.device).normal_(0, 1, generator=generator)
    wide = matrix.shape[-2] < matrix.shape[-1]
    q, r = torch.linalg.qr(matrix.mT if wide else matrix)
    q = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
    tensor.copy_((q.mT if wide else q).reshape(tensor.shape))
    return tensor.mul_(against(gain, tensor))
