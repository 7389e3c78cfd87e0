"""Weights whose entries are tied together: multiples of the identity, orthogonal kernels, sparse columns."""

from __future__ import annotations

import torch
from torch import Tensor

from trainability.initializers._delta import centre
from trainability.measures.weight_scheme import weight_scheme


def structure(weight: Tensor) -> tuple[str, str, float] | None:
    """Name the structure of one weight `(out, in, *kernel)`, if it has one.

    Args:
        weight: one member, one group.

    Returns:
        (scheme, what it says, greatest relative departure from it), or None.
    """
    if weight.ndim < 2 or weight.numel() < 4 or not bool(weight.isfinite().all()):
        return None
    middle = centre(weight, 0).detach()
    concentrated = int((weight != 0).sum()) == int((middle != 0).sum())
    if concentrated:
        if (scale := _identity(middle)) is not None:
            return "identity", f"identity × {scale:.4g}", 0.0
        if weight.ndim > 2:
            found = weight_scheme(middle)
            if found.kind == "orthogonal":
                return "delta_orthogonal", f"{found.says} at the middle of the kernel", found.fit
            return None
    found = weight_scheme(weight)
    if found.kind == "orthogonal":
        return "orthogonal", found.says, found.fit
    zeros = (weight == 0).sum(0).flatten()
    if 0 < int(zeros[0]) < len(weight) and bool((zeros == zeros[0]).all()):
        rest = weight_scheme(weight[weight != 0])
        if rest.kind == "normal":
            return "sparse", f"{rest.says}, {int(zeros[0])} of {len(weight)} in each column 0", rest.fit
    return None


def _identity(matrix: Tensor) -> float | None:
    size = min(matrix.shape)
    diagonal = matrix.diagonal()
    scale = diagonal[0]
    same = bool((diagonal == scale).all()) and int((matrix != 0).sum()) == size
    return float(scale) if same and bool(torch.isfinite(scale)) and size > 1 else None
