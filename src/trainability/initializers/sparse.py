"""Sparse weights: a fixed number of zeros in each column."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainability.initializers._draw import draw_normal_
from trainability.initializers._fans import fans, own_shape
from trainability.initializers._members import Generators, PerMember, against, by_member_, member_values


def sparse_(
    tensor: Tensor,
    sparsity: PerMember,
    std: PerMember = 0.01,
    *,
    batch_dims: int = 0,
    generator: Generators = None,
) -> Tensor:
    """Fill a weight from a normal law and set a share of each column to zero, in place.

    In every column (all weights of one input) ⌈sparsity · out⌉ entries, chosen uniformly, are 0; the others are
    N(0, std²).

    Args:
        tensor: `(out, in, *kernel)`, floating point; a column belongs to one input at one place of the kernel. A
            stack is `(E, out, in, *kernel)` with `batch_dims=1`.
        sparsity: share of zeros in a column, 0 to 1, or one per member, shape `(E,)`.
        std: of the entries that are not zero, >= 0, or one per member.
        batch_dims: how many leading dimensions count members, >= 0.
        generator: one `torch.Generator`, or one per member; None is torch's global generator.

    Returns:
        `tensor` itself.

    Raises:
        ValueError: fewer than two dimensions per member, an empty one, a share outside [0, 1], a negative std, or
            a wrong number of values or generators.

    Source: `torch.nn.init.sparse_`, with one difference: there the places come from the global generator even
    where `generator` is given. Martens 2010, "Deep learning via Hessian-free optimization", fixes the number of
    nonzero weights of each unit, which is a row here.

    >>> w = sparse_(torch.empty(10, 4), sparsity=0.25)
    >>> (w == 0).sum(0)
    tensor([3, 3, 3, 3])
    """
    fans(tensor.shape, batch_dims)
    sparsity = _share(sparsity, tensor.shape, batch_dims)
    std = member_values("std", std, tensor.shape, batch_dims, least=0.0)
    with torch.no_grad():
        if isinstance(generator, Sequence):
            return by_member_(tensor, _one_, (sparsity, std), generator, batch_dims)
        if batch_dims == 0:
            return _one_(tensor, float(sparsity), float(std), generator)
        draw_normal_(tensor, 0.0, std, batch_dims=batch_dims, generator=generator)
        ranks = torch.rand(tensor.shape, device=tensor.device, generator=generator).argsort(batch_dims)
        zeros = _zeros(sparsity, tensor.shape[batch_dims])
        return tensor.masked_fill_(ranks < (against(zeros, ranks) if isinstance(zeros, Tensor) else zeros), 0.0)


def _one_(tensor: Tensor, sparsity: float, std: float, generator: torch.Generator | None) -> Tensor:
    draw_normal_(tensor, 0.0, std, batch_dims=0, generator=generator)
    rows, zeros = tensor.shape[0], int(_zeros(sparsity, tensor.shape[0]))
    columns = math.prod(tensor.shape[1:])
    # One permutation per column, in torch's order of draws, so that the same seed gives the same zeros.
    mask = torch.zeros(rows, columns, dtype=torch.bool)
    for column in range(columns):
        mask[torch.randperm(rows, generator=generator, device=_device(generator))[:zeros].cpu(), column] = True
    return tensor.masked_fill_(mask.reshape(tensor.shape).to(tensor.device), 0.0)


def _device(generator: torch.Generator | None) -> torch.device | str:
    return "cpu" if generator is None else generator.device


def _zeros(sparsity: PerMember, rows: int) -> PerMember:
    return torch.ceil(sparsity * rows) if isinstance(sparsity, Tensor) else math.ceil(sparsity * rows)


def _share(sparsity: PerMember, shape: Sequence[int], batch_dims: int) -> PerMember:
    share = member_values("sparsity", sparsity, shape, batch_dims, least=0.0)
    worst = float(torch.as_tensor(share).max()) if torch.as_tensor(share).numel() else 0.0
    if worst > 1:
        raise ValueError(f"sparsity: given {worst:g}, needed a share from 0 to 1.")
    return share


def promised_std(shape: Sequence[int], sparsity: PerMember, std: PerMember = 0.01, *, batch_dims: int = 0) -> PerMember:
    """Give the standard deviation over all entries, zeros included: std · √(1 - ⌈sparsity · out⌉ / out).

    >>> promised_std((4, 3), sparsity=0.75, std=0.2)
    0.1
    """
    fans(shape, batch_dims)
    rows = own_shape(shape, batch_dims)[0]
    kept = 1 - _zeros(_share(sparsity, shape, batch_dims), rows) / rows
    return member_values("std", std, shape, batch_dims, least=0.0) * kept**0.5
