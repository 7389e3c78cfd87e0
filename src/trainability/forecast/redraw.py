"""The same initialization drawn again, for a model whose scheme nobody stated."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def redraw(model: nn.Module, generator: torch.Generator) -> None:
    """Shuffle every weight, in place.

    The entries of a tensor are permuted, which keeps their law exactly. A matrix whose rows or columns are orthogonal
    keeps that: its rows and its columns are permuted as wholes. Vectors (biases, scales) are permuted; a tensor that two
    modules share is drawn once.

    Args:
        model: any module.
        generator: of the CPU.

    >>> net = nn.Linear(8, 8)
    >>> _ = nn.init.orthogonal_(net.weight)
    >>> redraw(net, torch.Generator().manual_seed(0))
    >>> bool(torch.allclose(net.weight @ net.weight.t(), torch.eye(8), atol=1e-5))
    True
    """
    for p in model.parameters():
        if p.ndim == 2 and orthogonal(p):
            rows, columns = (torch.randperm(n, generator=generator).to(p.device) for n in p.shape)
            p.copy_(p[rows][:, columns])
        elif p.numel() > 1:
            order = torch.randperm(p.numel(), generator=generator).to(p.device)
            p.copy_(p.flatten()[order].view_as(p))


def orthogonal(w: Tensor) -> bool:
    """Whether the rows, or the columns, of a matrix are orthogonal and of one length, to 1e-3.

    >>> orthogonal(torch.eye(3)), orthogonal(torch.ones(3, 3))
    (True, False)
    """
    if min(w.shape) < 2 or max(w.shape) > 8192:
        return False
    short = (w if w.shape[0] <= w.shape[1] else w.t()).double()
    gram = short[:256] @ short[:256].t()
    size = gram.diagonal().mean()
    return bool(size > 0) and bool((gram - size * torch.eye(len(gram)).to(gram)).abs().max() < 1e-3 * size)
